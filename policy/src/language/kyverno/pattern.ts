/**
 * An object against a `pattern`: a tree of the same shape whose leaves are scalar patterns and whose keys may be anchors.
 * Unlike the admission controller, which stops at the first, every mismatch is found, each with its path.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, fieldPath, itemPath } from '@driftline/proto';
import { itemPaths, valueText } from '../field-value.ts';
import { matchesScalar } from './scalar-pattern.ts';
import { hasWildcard, matchesWildcard } from './wildcard.ts';

export type Mismatch = { readonly path: string; readonly value: string; readonly reason: string };

/**
 * `skip`: a conditional anchor does not hold, so this part of the pattern is not about this part of the object;
 * `skip-all`: a global one, so the whole rule is not.
 */
export type PatternResult =
  | { readonly kind: 'match' }
  | { readonly kind: 'mismatch'; readonly mismatches: readonly Mismatch[] }
  | { readonly kind: 'skip' }
  | { readonly kind: 'skip-all' };

const match: PatternResult = { kind: 'match' };
const skip: PatternResult = { kind: 'skip' };
const skipAll: PatternResult = { kind: 'skip-all' };

export function matchPattern(value: Json | undefined, pattern: Json, path: string): PatternResult {
  if (isJsonObject(pattern)) return matchMap(value, pattern, path);
  if (isJsonArray(pattern)) return matchList(value, pattern, path);
  const values = isJsonArray(value) ? value : [value];
  if (values.every((one) => matchesScalar(one, pattern))) return match;
  return mismatch(path, value, `must be ${patternText(pattern)}`);
}

function mismatch(path: string, value: Json | undefined, reason: string): PatternResult {
  return { kind: 'mismatch', mismatches: [{ path, value: valueText(value), reason }] };
}

function patternText(pattern: Json): string {
  return typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
}

const anchored = /^([=X^<+]?)\((.*)\)$/s;

type Entry = { readonly anchor: string | undefined; readonly key: string; readonly pattern: Json };

function entriesOf(pattern: JsonObject): readonly Entry[] {
  return Object.entries(pattern).map(([key, inner]) => {
    const found = anchored.exec(key);
    return found === null
      ? { anchor: undefined, key, pattern: inner }
      : { anchor: found[1] ?? '', key: found[2] ?? '', pattern: inner };
  });
}

function matchMap(value: Json | undefined, pattern: JsonObject, path: string): PatternResult {
  if (!isJsonObject(value)) return mismatch(path, value, 'must be an object');
  return combined(entriesOf(pattern).map((entry) => matchEntry(value, entry, path)));
}

/** A condition that does not hold goes before a mismatch: the pattern is then not about the object. */
function combined(results: readonly PatternResult[]): PatternResult {
  if (results.some(({ kind }) => kind === 'skip-all')) return skipAll;
  if (results.some(({ kind }) => kind === 'skip')) return skip;
  const mismatches = results.flatMap((result) => (result.kind === 'mismatch' ? result.mismatches : []));
  return mismatches.length === 0 ? match : { kind: 'mismatch', mismatches };
}

function matchEntry(object: JsonObject, { anchor, key, pattern }: Entry, path: string): PatternResult {
  const name = keyIn(object, key);
  const at = fieldPath(path, name);
  const present = Object.hasOwn(object, name);
  const value = present ? object[name] : undefined;
  const inner = () => matchPattern(value, pattern, at);
  switch (anchor) {
    case undefined:
      if (pattern === '*') return value === undefined || value === null ? mismatch(at, value, 'must be set') : match;
      return inner();
    case '':
      return present && inner().kind === 'match' ? match : skip;
    case '<':
      return !present || inner().kind === 'match' ? match : skipAll;
    case '=':
      return present ? inner() : match;
    case 'X':
      return present ? mismatch(at, value, 'must not be set') : match;
    case '^':
      return present ? matchExistence(value, pattern, at) : match;
    default:
      return match;
  }
}

/** The object's own key that a pattern's key with wildcards names; the key itself when there is none. */
function keyIn(object: JsonObject, key: string): string {
  if (!hasWildcard(key) || Object.hasOwn(object, key)) return key;
  return Object.keys(object).find((own) => matchesWildcard(key, own)) ?? key;
}

/** `^(list)`: for each pattern there is an item that matches it. */
function matchExistence(value: Json | undefined, pattern: Json, path: string): PatternResult {
  if (!isJsonArray(value) || !isJsonArray(pattern)) return mismatch(path, value, 'must be a list');
  const missing = pattern.filter((one) => !value.some((item) => matchPattern(item, one, path).kind === 'match'));
  return missing.length === 0
    ? match
    : mismatch(path, undefined, `must have an item like ${missing.map(patternText).join(', ')}`);
}

function matchList(value: Json | undefined, pattern: readonly Json[], path: string): PatternResult {
  if (!isJsonArray(value)) return mismatch(path, value, 'must be a list');
  const [first] = pattern;
  if (first === undefined) return mismatch(path, value, 'the pattern is an empty list');
  const paths = itemPaths(path, value);
  if (isJsonObject(first)) {
    return ofItems(value.map((item, index) => matchPattern(item, first, paths[index] ?? itemPath(path, index))));
  }
  if (!isJsonArray(first) && pattern.length === 1) {
    return combined(value.map((item, index) => matchPattern(item, first, paths[index] ?? itemPath(path, index))));
  }
  if (value.length < pattern.length) return mismatch(path, value, `must have ${pattern.length} items`);
  return ofItems(pattern.map((one, index) => matchPattern(value[index], one, itemPath(path, index))));
}

/** Items that a condition leaves out do not count; when it leaves out all, the pattern is about none of them. */
function ofItems(results: readonly PatternResult[]): PatternResult {
  if (results.length > 0 && results.every(({ kind }) => kind === 'skip' || kind === 'skip-all')) return skip;
  return combined(results.filter(({ kind }) => kind !== 'skip' && kind !== 'skip-all'));
}
