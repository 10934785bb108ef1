import { type CelError, invalid, overflow } from '../error.ts';
import { formatDouble } from '../number-format.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from '../time.ts';
import { timestamp } from '../arithmetic.ts';
import {
  CelDouble,
  type CelDuration,
  type CelTimestamp,
  CelTypeValue,
  type CelUint,
  double,
  int,
  kindOf,
  uint,
  type Value,
} from '../value.ts';
import { traversal } from './cost.ts';

type Int = number | bigint;
type Double = number | CelDouble;

export const toNumber = (value: Double): number => (value instanceof CelDouble ? value.value : value);
const identity = (value: Value): Value => value;

function truncated(value: number, what: string, make: (value: bigint) => Value): Value {
  return Number.isFinite(value) ? make(BigInt(Math.trunc(value))) : overflow(what);
}

function doubleToInt(value: Double): Value {
  const number = toNumber(value);
  return number <= -(2 ** 63) || number >= 2 ** 63 ? overflow('integer') : truncated(number, 'integer', int);
}

const unreadable = (text: string, as: string): CelError => invalid(`cannot convert "${text}" to ${as}`);

const maxDigits = 40;

function parseInteger(text: string, as: 'int' | 'uint'): Value {
  const pattern = as === 'int' ? /^[+-]?\d+$/ : /^\d+$/;
  if (text.length > maxDigits || !pattern.test(text)) return unreadable(text, as);
  const value = BigInt(text.replace(/^\+/, ''));
  return as === 'int' ? int(value) : uint(value);
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function parseDouble(text: string): Value {
  const lower = text.toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(lower)) return lower.startsWith('-') ? -Infinity : Infinity;
  if (lower === 'nan') return Number.NaN;
  return decimal.test(text) ? double(Number(text)) : unreadable(text, 'double');
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text): [string, boolean] => [text, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text): [string, boolean] => [text, false]),
]);

export function decodeUtf8(bytes: Uint8Array): Value {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return invalid('invalid UTF-8 in bytes, cannot convert to string');
  }
}

export function typeOf(value: Value): CelTypeValue {
  const kind = kindOf(value);
  if (kind === 'null') return new CelTypeValue('null_type');
  if (kind === 'timestamp') return new CelTypeValue('google.protobuf.Timestamp');
  return new CelTypeValue(kind === 'duration' ? 'google.protobuf.Duration' : kind);
}

const one: CostRule = () => 1;

export const conversionDefinitions: readonly Definition[] = [
  define('type(A) -> type<A>', typeOf),
  define('dyn(A) -> dyn', identity),
  define('bool(bool) -> bool', identity),
  define('bool(string) -> bool', (text: string) => truths.get(text) ?? unreadable(text, 'bool')),
  define('int(int) -> int', identity),
  define('int(uint) -> int', (value: CelUint) => int(BigInt(value.value))),
  define('int(double) -> int', doubleToInt),
  define('int(string) -> int', (text: string) => parseInteger(text, 'int')),
  define('int(timestamp) -> int', ({ nanos }: CelTimestamp) =>
    int(nanos / 1_000_000_000n - (nanos % 1_000_000_000n < 0n ? 1n : 0n)),
  ),
  define('int(duration) -> int', ({ nanos }: CelDuration) => int(nanos)),
  define('uint(uint) -> uint', identity),
  define('uint(int) -> uint', (value: Int) => uint(BigInt(value))),
  define('uint(double) -> uint', (value: Double) => truncated(toNumber(value), 'unsigned integer', uint)),
  define('uint(string) -> uint', (text: string) => parseInteger(text, 'uint')),
  define('double(double) -> double', identity),
  define('double(int) -> double', (value: Int) => double(Number(value))),
  define('double(uint) -> double', (value: CelUint) => double(Number(value.value))),
  define('double(string) -> double', parseDouble),
  define('string(string) -> string', identity),
  define('string(bool) -> string', String),
  define('string(int) -> string', (value: Int) => String(value)),
  define('string(uint) -> string', (value: CelUint) => String(value.value)),
  define('string(double) -> string', (value: Double) => formatDouble(toNumber(value))),
  define('string(bytes) -> string', decodeUtf8, traversal),
  define('string(timestamp) -> string', formatTimestamp),
  define('string(duration) -> string', ({ nanos }: CelDuration) => formatDuration(nanos)),
  define('bytes(bytes) -> bytes', identity),
  define('bytes(string) -> bytes', (text: string) => new TextEncoder().encode(text), traversal),
  define('timestamp(timestamp) -> timestamp', identity),
  define('timestamp(string) -> timestamp', parseTimestamp, one),
  define('timestamp(int) -> timestamp', (seconds: Int) => timestamp(BigInt(seconds) * 1_000_000_000n)),
  define('duration(duration) -> duration', identity),
  define('duration(string) -> duration', parseDuration, one),
];
