import { maxStringLength } from '../arithmetic.ts';
import { CelError, invalid, noSuchOverload, overflow } from '../error.ts';
import { costSize } from '../equality.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import { kindOf, type Value } from '../value.ts';
import { product, traversal, traversalTwice, walk } from './cost.ts';
import { formatDefinitions } from './string-format.ts';
import { labourOver } from '../work.ts';

type Int = number | bigint;

/** Code points, without building them when every character is one UTF-16 unit. */
function points(text: string): string | readonly string[] {
  labourOver(text.length);
  return /[\uD800-\uDFFF]/.test(text) ? Array.from(text) : text;
}

const slice = (text: string | readonly string[], from: number, to: number): string =>
  typeof text === 'string' ? text.slice(from, to) : text.slice(from, to).join('');

const outOfRange = (index: Int): CelError => new CelError('index-out-of-bounds', `index out of range: ${index}`);

function charAt(text: string, index: Int): Value {
  const characters = points(text);
  if (index < 0 || index > characters.length) return outOfRange(index);
  return characters[Number(index)] ?? '';
}

/** Position in code points of what was found at a UTF-16 position. */
const pointIndex = (text: string, unit: number): number => (unit < 0 ? -1 : points(text.slice(0, unit)).length);

function indexOf(text: string, part: string, from: Int = 0): Value {
  const characters = points(text);
  if (from < 0 || from > characters.length) return part === '' && from >= 0 ? characters.length : outOfRange(from);
  const start = slice(characters, 0, Number(from)).length;
  return pointIndex(text, text.indexOf(part, start));
}

function lastIndexOf(text: string, part: string, from?: Int): Value {
  const characters = points(text);
  if (from === undefined) return pointIndex(text, text.lastIndexOf(part));
  if (from < 0 || from >= characters.length) return part === '' && from >= 0 ? characters.length : outOfRange(from);
  const start = slice(characters, 0, Number(from)).length;
  return pointIndex(text, text.lastIndexOf(part, start));
}

function substring(text: string, from: Int, to?: Int): Value {
  const characters = points(text);
  if (from < 0 || from > characters.length) return outOfRange(from);
  if (to === undefined) return slice(characters, Number(from), characters.length);
  if (to < 0 || to > characters.length) return outOfRange(to);
  if (to < from) return invalid(`invalid substring range. start: ${from}, end: ${to}`);
  return slice(characters, Number(from), Number(to));
}

const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
const upperAscii = (text: string): string => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());

/** Pieces to join again: at each separator, or between code points when it is empty; at most `limit` of them. */
function pieces(text: string, separator: string, limit: number): readonly string[] {
  const all = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0 || all.length <= limit) return all;
  return [...all.slice(0, limit - 1), all.slice(limit - 1).join(separator)];
}

function split(text: string, separator: string, limit: Int = -1): Value {
  return limit === 0 ? [] : pieces(text, separator, Number(limit));
}

function replace(text: string, old: string, replacement: string, limit: Int = -1): Value {
  const most = Number(limit);
  const parts = old === '' ? ['', ...Array.from(text), ''] : text.split(old);
  const count = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1);
  if (text.length + count * replacement.length > maxStringLength) return overflow('string length');
  labourOver(text.length + count * replacement.length);
  const replaced = parts.slice(0, count + 1).join(replacement);
  const rest = parts.slice(count + 1);
  return rest.length === 0 ? replaced : replaced + old + rest.join(old);
}

function join(list: readonly Value[], separator = ''): Value {
  const other = list.find((element) => typeof element !== 'string');
  if (other !== undefined) return noSuchOverload(`join of ${kindOf(other)}`);
  const length = list.reduce<number>((sum, element) => sum + String(element).length, separator.length * list.length);
  return length > maxStringLength ? overflow('string length') : list.join(separator);
}

const joinCost: CostRule = (list, separator) => {
  if (!Array.isArray(list)) return 1;
  const between = typeof separator === 'string' ? costSize(separator) * Math.max(0, list.length - 1) : 0;
  const size = list.reduce<number>((sum, element) => sum + costSize(element), between);
  return walk(size * 2);
};

const reverse = (text: string): string => Array.from(text).toReversed().join('');

/** White space as Unicode has it: the zero-width no-break space is none. */
const isSpace = (character: string): boolean => character !== '\ufeff' && /[\s\u0085]/.test(character);

function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text[from] ?? '')) from++;
  while (to > from && isSpace(text[to - 1] ?? '')) to--;
  return text.slice(from, to);
}

const quoted: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);

export const quote = (text: string): string =>
  `"${text.toWellFormed().replace(/[\p{Cc}\\"]/gu, (character) => quoted.get(character) ?? character)}"`;

export const stringDefinitions: readonly Definition[] = [
  define('string::charAt(int) -> string', charAt),
  define('string::indexOf(string) -> int', indexOf, product),
  define('string::indexOf(string, int) -> int', indexOf, product),
  define('string::lastIndexOf(string) -> int', lastIndexOf, product),
  define('string::lastIndexOf(string, int) -> int', lastIndexOf, product),
  define('string::lowerAscii() -> string', lowerAscii, traversal),
  define('string::upperAscii() -> string', upperAscii, traversal),
  define('string::replace(string, string) -> string', replace, traversalTwice),
  define('string::replace(string, string, int) -> string', replace, traversalTwice),
  define('string::split(string) -> list<string>', split, traversalTwice),
  define('string::split(string, int) -> list<string>', split, traversalTwice),
  define('string::substring(int) -> string', substring, traversal),
  define('string::substring(int, int) -> string', substring, traversal),
  define('string::trim() -> string', trim, traversal),
  define('string::reverse() -> string', reverse, traversal),
  define('strings.quote(string) -> string', quote, traversal),
  define('list<string>::join() -> string', join, joinCost),
  define('list<string>::join(string) -> string', join, joinCost),
  ...formatDefinitions,
];
