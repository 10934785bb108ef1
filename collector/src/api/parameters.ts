/** Query parameters, parsed at the door: each becomes a typed value or a 400 that names it. */
import { type KindName, resolveKind } from '@driftline/proto';
import { parseSelector, type Selector, SelectorError } from '../forensics/query/selector.ts';
import { endOfTimeUs } from '../forensics/query/timeline-query.ts';
import { Problem } from './problem.ts';

export type RawQuery = Readonly<Record<string, string | undefined>>;

/** Items of a page, at most and by default. */
export const maxPageItems = 500;
export const defaultPageItems = 100;

export function limitOf(query: RawQuery): number {
  const limit = Number(query.limit ?? defaultPageItems);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageItems)
    throw new Problem('bad-request', `limit: a whole number from 1 to ${maxPageItems}`);
  return limit;
}

/** Microseconds since the epoch. */
export function momentOf(query: RawQuery, name: string, fallbackUs: number): number {
  const text = query[name];
  if (text === undefined) return fallbackUs;
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d*)?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  const wholeMs = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(wholeMs))
    throw new Problem('bad-request', `${name}: not an RFC 3339 moment such as 2026-11-21T02:13:00Z`);
  const us = wholeMs * 1_000 + Number((match?.[2] ?? '').padEnd(6, '0'));
  if (us < 0 || us > endOfTimeUs) throw new Problem('bad-request', `${name}: outside 1970 to 2255`);
  return us;
}

/** A moment given in whole seconds that ends a range means all of its second; in milliseconds, all of its millisecond. */
export function endOfSecond(text: string | undefined, us: number): number {
  if (text === undefined) return us;
  const digits = /\.(\d+)/.exec(text)?.[1]?.length ?? 0;
  return digits >= 6 ? us : us + 10 ** (6 - digits) - 1;
}

export function selectorOf(query: RawQuery): Selector | undefined {
  if (query.selector === undefined || query.selector.trim() === '') return undefined;
  try {
    return parseSelector(query.selector);
  } catch (cause) {
    if (cause instanceof SelectorError) throw new Problem('bad-request', `selector: ${cause.message}`, { cause });
    throw cause;
  }
}

export function oneOf<T extends string>(query: RawQuery, name: string, choices: readonly T[], fallback: T): T {
  const text = query[name];
  if (text === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    const named = choices.filter((candidate) => candidate !== '');
    throw new Problem('bad-request', `${name}: one of ${named.join(', ')}, not '${text}'`);
  }
  return choice;
}

/** What a person calls a kind, among the kinds that agents of this tenant know. */
export function kindOf(text: string, known: readonly KindName[]): KindName {
  const resolution = resolveKind(text, known);
  if (resolution.ok) return resolution.kind;
  const names = resolution.candidates
    .map(({ resource, group }) => (group === '' ? resource : `${resource}.${group}`))
    .sort();
  if (resolution.reason === 'ambiguous')
    throw new Problem('bad-request', `kind: '${text}' can mean ${names.join(' or ')}: say which`);
  if (known.length === 0)
    throw new Problem('not-found', `kind: nothing has been watched yet, so '${text}' means nothing here`);
  throw new Problem('not-found', `kind: no watched cluster has a kind '${text}'`);
}
