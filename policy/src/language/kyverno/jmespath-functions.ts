/**
 * The functions that Kyverno adds to JMESPath, as far as their answers depend on nothing but their arguments. What asks
 * the clock, the network or chance has no place in a judgement that must come out the same again; a policy that calls
 * such a function is refused when it is loaded, like one that calls a function nobody knows.
 */
import type { Json } from '@driftline/proto';
import { compileRegex } from '../../cel/library/regex.ts';
import { FunctionError } from './function-error.ts';
import { isInRange } from './semver-range.ts';
import { matchesWildcard } from './wildcard.ts';

export type KyvernoFunction = {
  /** Of each argument: s string, n number, a list, o object, b bool, * anything; several letters are alternatives. */
  readonly takes: readonly string[];
  readonly run: (...inputs: readonly Json[]) => Json;
};

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null));
const number = (value: Json | undefined): number => Number(value);

function regex(pattern: Json | undefined) {
  const compiled = compileRegex(text(pattern));
  if ('matcher' in compiled) return compiled;
  throw new FunctionError(compiled.message);
}

function arithmetic(name: string, run: (a: number, b: number) => number): KyvernoFunction {
  return {
    takes: ['ns', 'ns'],
    run(a, b) {
      if (typeof a !== 'number' || typeof b !== 'number')
        throw new FunctionError(`${name} of quantities and durations is not evaluated`);
      const result = run(a, b);
      if (!Number.isFinite(result)) throw new FunctionError(`${name} has no result`);
      return result;
    },
  };
}

function base64(value: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(value), (char) => char.codePointAt(0) ?? 0));
  } catch {
    throw new FunctionError('base64_decode: not base64');
  }
}

function parseJson(value: string): Json {
  try {
    return JSON.parse(value) as Json;
  } catch {
    throw new FunctionError('parse_json: not JSON');
  }
}

/** Go's strings.Replace: the first n, all of them for a negative n. */
function replaced(value: string, old: string, next: string, count: number): string {
  const parts = value.split(old);
  if (count < 0 || parts.length - 1 <= count) return parts.join(next);
  return [...parts.slice(0, count), parts.slice(count).join(old)].join(next);
}

function labelsMatch(wanted: Json, actual: Json): boolean {
  const labels = actual as Record<string, Json>;
  return Object.entries(wanted as Record<string, Json>).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}

function lookup(collection: Json, key: Json): Json {
  if (Array.isArray(collection)) return (collection as readonly Json[])[number(key)] ?? null;
  const members = collection as Record<string, Json>;
  return Object.hasOwn(members, text(key)) ? (members[text(key)] ?? null) : null;
}

function objectFromLists(keys: Json, values: Json): Json {
  const list = values as readonly Json[];
  return Object.fromEntries((keys as readonly Json[]).map((key, index) => [text(key), list[index] ?? null]));
}

function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `${path.startsWith('/') ? '/' : ''}${parts.join('/')}` || '.';
}

export const kyvernoFunctions: Readonly<Record<string, KyvernoFunction>> = {
  compare: { takes: ['s', 's'], run: (a, b) => (text(a) === text(b) ? 0 : text(a) < text(b) ? -1 : 1) },
  equal_fold: { takes: ['s', 's'], run: (a, b) => text(a).toLowerCase() === text(b).toLowerCase() },
  replace: {
    takes: ['s', 's', 's', 'n'],
    run: (s, old, next, n) => replaced(text(s), text(old), text(next), number(n)),
  },
  replace_all: { takes: ['s', 's', 's'], run: (s, old, next) => replaced(text(s), text(old), text(next), -1) },
  to_upper: { takes: ['s'], run: (s) => text(s).toUpperCase() },
  to_lower: { takes: ['s'], run: (s) => text(s).toLowerCase() },
  trim: { takes: ['s', 's'], run: (s, cut) => trimmed(text(s), text(cut)) },
  trim_prefix: {
    takes: ['s', 's'],
    run: (s, p) => (text(s).startsWith(text(p)) ? text(s).slice(text(p).length) : text(s)),
  },
  split: { takes: ['s', 's'], run: (s, separator) => text(s).split(text(separator)) },
  regex_match: { takes: ['s', 'sn'], run: (pattern, s) => regex(pattern).test(text(s)) },
  regex_replace_all: {
    takes: ['s', 'sn', 'sn'],
    run: (p, s, next) => regex(p).matcher(text(s)).replaceAll(text(next)),
  },
  regex_replace_all_literal: {
    takes: ['s', 'sn', 'sn'],
    run: (p, s, next) => regex(p).matcher(text(s)).replaceAll(text(next).replaceAll(/[\\$]/g, String.raw`\$&`)),
  },
  pattern_match: { takes: ['s', 'sn'], run: (pattern, s) => matchesWildcard(text(pattern), text(s)) },
  label_match: { takes: ['o', 'o'], run: labelsMatch },
  to_boolean: { takes: ['s'], run: (s) => toBoolean(text(s)) },
  add: arithmetic('add', (a, b) => a + b),
  subtract: arithmetic('subtract', (a, b) => a - b),
  multiply: arithmetic('multiply', (a, b) => a * b),
  divide: arithmetic('divide', (a, b) => a / b),
  modulo: arithmetic('modulo', (a, b) => a % b),
  round: {
    takes: ['n', 'n'],
    run: (n, digits) => Number(number(n).toFixed(Math.min(100, Math.max(0, number(digits))))),
  },
  base64_decode: { takes: ['s'], run: (s) => base64(text(s)) },
  base64_encode: {
    takes: ['s'],
    run: (s) => btoa(Array.from(new TextEncoder().encode(text(s)), (byte) => String.fromCodePoint(byte)).join('')),
  },
  path_canonicalize: { takes: ['s'], run: (s) => canonicalPath(text(s)) },
  truncate: {
    takes: ['s', 'n'],
    run: (s, n) =>
      Array.from(text(s))
        .slice(0, Math.max(0, number(n)))
        .join(''),
  },
  semver_compare: { takes: ['s', 's'], run: (version, range) => isInRange(text(version), text(range)) },
  parse_json: { takes: ['s'], run: (s) => parseJson(text(s)) },
  lookup: { takes: ['oa', 'sn'], run: lookup },
  object_from_lists: { takes: ['a', 'a'], run: objectFromLists },
  items: {
    takes: ['oa', 's', 's'],
    run: (collection, key, value) =>
      Object.entries(collection as object).map(([k, v]) => ({
        [text(key)]: Array.isArray(collection) ? Number(k) : k,
        [text(value)]: v as Json,
      })),
  },
};

function trimmed(value: string, cutset: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && cutset.includes(value[start] ?? '')) start += 1;
  while (end > start && cutset.includes(value[end - 1] ?? '')) end -= 1;
  return value.slice(start, end);
}

function toBoolean(value: string): boolean {
  const lower = value.toLowerCase();
  if (lower === 'true' || lower === 'false') return lower === 'true';
  throw new FunctionError(`to_boolean: ${value} is neither true nor false`);
}
