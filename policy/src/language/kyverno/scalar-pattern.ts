/**
 * A value against a scalar of a pattern: `>10`, `!*:latest`, `1-5`, `a | b & !c`, or a plain value. A text in a pattern is a
 * small language; the operators compare durations and quantities, and `=` and `!` also wildcards.
 */
import { isJsonArray, isJsonObject, type Json } from '@driftline/proto';
import { compareMeasures } from './operand.ts';
import { matchesWildcard } from './wildcard.ts';

/** `undefined` is a field that is not there. */
export function matchesScalar(value: Json | undefined, pattern: Json): boolean {
  if (typeof pattern === 'string') return matchesText(value, pattern);
  if (typeof pattern === 'boolean') return value === pattern;
  if (typeof pattern === 'number') return typeof value === 'string' ? Number(value) === pattern : value === pattern;
  if (pattern === null) return isEmpty(value);
  return isJsonObject(pattern) && isJsonObject(value);
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || value === 0 || value === '' || value === false;
}

function matchesText(value: Json | undefined, pattern: string): boolean {
  if (value === pattern) return true;
  return pattern
    .split('|')
    .some((alternative) => alternative.split('&').every((part) => matchesPart(value, part.trim())));
}

const amount = String.raw`[-+]?\d+(?:\.\d+)?[A-Za-z]*`;
const inside = new RegExp(`^(${amount})\\s*-\\s*(${amount})$`);
const outside = new RegExp(`^(${amount})\\s*!-\\s*(${amount})$`);
const comparison = /^(>=|<=|>|<|!)(.*)$/s;

function matchesPart(value: Json | undefined, part: string): boolean {
  const range = inside.exec(part);
  if (range !== null) return isAtLeast(value, range[1] ?? '') && isAtMost(value, range[2] ?? '');
  const hole = outside.exec(part);
  if (hole !== null) return isBelow(value, hole[1] ?? '') || isAbove(value, hole[2] ?? '');
  const [, operator = '=', operand = part] = comparison.exec(part) ?? [];
  const text = operand.trim();
  switch (operator) {
    case '>=':
      return isAtLeast(value, text);
    case '<=':
      return isAtMost(value, text);
    case '>':
      return isAbove(value, text);
    case '<':
      return isBelow(value, text);
    case '!':
      return differs(value, text);
    default:
      return equals(value, text);
  }
}

function measure(value: Json | undefined, text: string): number | undefined {
  const measured = measurable(value);
  return measured === undefined ? undefined : compareMeasures(measured, text);
}

/** What is not there counts as nothing. */
function measurable(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return '0';
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : undefined;
}

const isAtLeast = (value: Json | undefined, text: string) => (measure(value, text) ?? -1) >= 0;
const isAtMost = (value: Json | undefined, text: string) => (measure(value, text) ?? 1) <= 0;
const isAbove = (value: Json | undefined, text: string) => (measure(value, text) ?? -1) > 0;
const isBelow = (value: Json | undefined, text: string) => (measure(value, text) ?? 1) < 0;

function equals(value: Json | undefined, text: string): boolean {
  if (measure(value, text) === 0) return true;
  const written = textOf(value);
  return written !== undefined && matchesWildcard(text, written);
}

function differs(value: Json | undefined, text: string): boolean {
  const measured = measure(value, text);
  if (measured !== undefined) return measured !== 0;
  const written = textOf(value);
  return written !== undefined && !matchesWildcard(text, written);
}

function textOf(value: Json | undefined): string | undefined {
  if (value === undefined || value === null || isJsonObject(value) || isJsonArray(value)) return undefined;
  return String(value);
}
