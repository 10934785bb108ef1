import {
  isPlainObject,
  CelDouble,
  CelDuration,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  isInt,
  kindOf,
  type Value,
} from '../value.ts';
import { CelMap, mapPairs } from '../cel-map.ts';
import { type CelError, invalid } from '../error.ts';
import { formatDouble, plainDecimal } from '../number-format.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import { formatDuration, formatTimestamp } from '../time.ts';
import { costSize } from '../equality.ts';
import { maxStringLength } from '../arithmetic.ts';
import { labour, labourOver } from '../work.ts';
import { walk } from './cost.ts';

const clause = /%(?:\.(\d+))?([a-zA-Z%])?/g;
const maxPrecision = 1000;

class FormatFailure extends Error {
  readonly error: CelError;
  constructor(message: string) {
    super(message);
    this.error = invalid(message);
  }
}

function format(template: string, args: readonly Value[]): Value {
  let next = 0;
  let length = template.length;
  try {
    return template.replace(clause, (whole, precisionText: string | undefined, verb: string | undefined) => {
      if (verb === '%' && precisionText === undefined) return '%';
      if (verb === undefined)
        throw new FormatFailure(`could not parse formatting clause: unexpected end or '${whole}'`);
      if (next >= args.length) throw new FormatFailure(`index ${next} out of range`);
      const precision = precisionText === undefined ? undefined : Number(precisionText);
      if (precision !== undefined && precision > maxPrecision) throw new FormatFailure('precision too large');
      const formatted = formatOne(verb, precision, args[next++]);
      length += formatted.length;
      if (length > maxStringLength) throw new FormatFailure('string too long');
      return formatted;
    });
  } catch (failure) {
    if (failure instanceof FormatFailure) return failure.error;
    throw failure;
  }
}

function formatOne(verb: string, precision: number | undefined, value: Value): string {
  switch (verb) {
    case 's':
      return text(value);
    case 'd':
      return decimal(value);
    case 'f':
      return fixed(value, precision ?? 6);
    case 'e':
      return scientific(value, precision ?? 6);
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : radix(value, 2, 'b');
    case 'o':
      return radix(value, 8, 'o');
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value).toUpperCase();
    default:
      throw new FormatFailure(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
}

function text(value: Value): string {
  labour(1);
  switch (kindOf(value)) {
    case 'string':
      labourOver(String(value).length);
      return String(value);
    case 'int':
    case 'bool':
    case 'null':
      return String(value);
    case 'list':
      return `[${(value as readonly Value[]).map(text).join(', ')}]`;
    case 'bytes':
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(value as Uint8Array);
    case 'double':
      return specialDouble(doubleOf(value)) ?? plainDecimal(doubleOf(value));
    default:
      return structured(value);
  }
}

function structured(value: Value): string {
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value.nanos);
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelMap || isPlainObject(value)) {
    const pairs = Array.from(mapPairs(value), ([key, item]) => [text(key), text(item)] as const);
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${pairs.map(([key, item]) => `${key}: ${item}`).join(', ')}}`;
  }
  throw new FormatFailure(
    `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${kindOf(value)}`,
  );
}

const doubleOf = (value: Value): number => (value instanceof CelDouble ? value.value : Number(value));

const specialDouble = (value: number): string | undefined =>
  Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? undefined : value > 0 ? 'Infinity' : '-Infinity';

function decimal(value: Value): string {
  const kind = kindOf(value);
  if (kind === 'int') return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (kind === 'double') return specialDouble(doubleOf(value)) ?? formatDouble(doubleOf(value));
  throw new FormatFailure(`error during formatting: decimal clause can only be used on integers, was given ${kind}`);
}

function real(value: Value, what: string): number {
  const kind = kindOf(value);
  if (kind === 'double') return doubleOf(value);
  if (kind === 'int') return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  throw new FormatFailure(`error during formatting: ${what} clause can only be used on doubles, was given ${kind}`);
}

function fixed(value: Value, precision: number): string {
  const number = real(value, 'fixed-point');
  return specialDouble(number) ?? exactFixed(number, precision);
}

/** Rounds the exact binary value half to even, as Go does; toFixed stops at 100 digits and 1e21. */
function exactFixed(number: number, precision: number): string {
  const exact = exactDecimal(Math.abs(number));
  const [whole = '0', decimals = ''] = exact.split('.');
  const kept = decimals.slice(0, precision).padEnd(precision, '0');
  const rest = decimals.slice(precision);
  let digits = BigInt(whole + kept);
  const half = `5${'0'.repeat(Math.max(0, rest.length - 1))}`;
  if (rest > half || (rest === half && digits % 2n === 1n)) digits += 1n;
  const shown = String(digits).padStart(precision + 1, '0');
  const body = precision === 0 ? shown : `${shown.slice(0, -precision)}.${shown.slice(-precision)}`;
  return number < 0 || Object.is(number, -0) ? `-${body}` : body;
}

/** Every digit of a finite double: m × 2^e is m × 5^-e with the point moved. */
function exactDecimal(number: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (biased === 0 ? 0n : 1n << 52n);
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  if (exponent >= 0) return String(mantissa << BigInt(exponent));
  const digits = String(mantissa * 5n ** BigInt(-exponent)).padStart(-exponent + 1, '0');
  return `${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
}

function scientific(value: Value, precision: number): string {
  const number = real(value, 'scientific');
  const special = specialDouble(number);
  if (special !== undefined) return special;
  const [mantissa = '', exponent = '+0'] = number.toExponential(Math.min(precision, 100)).split('e');
  const digits = exponent.slice(1).padStart(2, '0');
  return `${mantissa}e${exponent.startsWith('-') ? '-' : '+'}${digits}`;
}

function radix(value: Value, base: number, verb: string): string {
  if (value instanceof CelUint) return value.value.toString(base);
  if (typeof value === 'bigint' || (typeof value === 'number' && isInt(value))) return value.toString(base);
  throw new FormatFailure(
    `error during formatting: %${verb} clause can only be used on integers, was given ${kindOf(value)}`,
  );
}

const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function hexadecimal(value: Value): string {
  if (typeof value === 'string') return hexBytes(new TextEncoder().encode(value));
  return value instanceof Uint8Array ? hexBytes(value) : radix(value, 16, 'x');
}

const formatCost: CostRule = (template) => walk(costSize(template));

export const formatDefinitions: readonly Definition[] = [
  define('string::format(list<dyn>) -> string', format, formatCost),
];
