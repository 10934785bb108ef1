import { CelError, noSuchOverload, overflow } from './error.ts';
import {
  CelDouble,
  CelDuration,
  CelTimestamp,
  CelUint,
  double,
  int,
  isInt,
  kindOf,
  uint,
  type Value,
} from './value.ts';

type Operator = '+' | '-' | '*' | '/' | '%';

const minTimestamp = -62135596800n * 1_000_000_000n;
const maxTimestamp = 253402300800n * 1_000_000_000n - 1n;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/** 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z. */
export const timestamp = (nanos: bigint): Value =>
  nanos < minTimestamp || nanos > maxTimestamp ? overflow('timestamp') : new CelTimestamp(nanos);

/** int64 nanoseconds, as in Kubernetes: about ±292 years. */
export const duration = (nanos: bigint): Value =>
  nanos < minInt64 || nanos > maxInt64 ? overflow('duration') : new CelDuration(nanos);

export function add(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(a) && Number.isSafeInteger(b) && Number.isSafeInteger(sum)) return sum;
  }
  if (typeof a === 'string' && typeof b === 'string') return concatStrings(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === 0 ? b : b.length === 0 ? a : a.concat(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return concatBytes(a, b);
  return addTimes(a, b) ?? numbers('+', a, b);
}

/** Longest string that an evaluation may build, in UTF-16 units. */
export const maxStringLength = 16 * 1024 * 1024;

function concatStrings(a: string, b: string): Value {
  if (a.length + b.length > maxStringLength) return overflow('string length');
  return a + b;
}

function concatBytes(a: Uint8Array, b: Uint8Array): Value {
  if (a.length + b.length > maxStringLength) return overflow('bytes length');
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function addTimes(a: Value, b: Value): Value {
  if (a instanceof CelDuration) {
    if (b instanceof CelDuration) return duration(a.nanos + b.nanos);
    return b instanceof CelTimestamp ? timestamp(a.nanos + b.nanos) : undefined;
  }
  return a instanceof CelTimestamp && b instanceof CelDuration ? timestamp(a.nanos + b.nanos) : undefined;
}

export function subtract(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(a) && Number.isSafeInteger(b) && Number.isSafeInteger(difference)) return difference;
  }
  if (a instanceof CelTimestamp) {
    if (b instanceof CelTimestamp) return duration(a.nanos - b.nanos);
    if (b instanceof CelDuration) return timestamp(a.nanos - b.nanos);
  }
  if (a instanceof CelDuration && b instanceof CelDuration) return duration(a.nanos - b.nanos);
  return numbers('-', a, b);
}

export const multiply = (a: Value, b: Value): Value => numbers('*', a, b);
export const divide = (a: Value, b: Value): Value => numbers('/', a, b);
export const modulo = (a: Value, b: Value): Value => numbers('%', a, b);

const isIntValue = (value: Value): value is number | bigint =>
  typeof value === 'bigint' || (typeof value === 'number' && isInt(value));

const doubleOf = (value: Value): number | undefined =>
  value instanceof CelDouble ? value.value : typeof value === 'number' && !isInt(value) ? value : undefined;

/** Arithmetic never mixes types: int with int, uint with uint, double with double. */
function numbers(op: Operator, a: Value, b: Value): Value {
  if (isIntValue(a) && isIntValue(b)) {
    const result = integers(op, BigInt(a), BigInt(b));
    return typeof result === 'bigint' ? int(result) : result;
  }
  const x = doubleOf(a);
  const y = doubleOf(b);
  if (x !== undefined && y !== undefined && op !== '%') return double(doubles(op, x, y));
  if (a instanceof CelUint && b instanceof CelUint) {
    const result = integers(op, BigInt(a.value), BigInt(b.value));
    return typeof result === 'bigint' ? uint(result) : result;
  }
  return noSuchOverload(`${kindOf(a)} ${op} ${kindOf(b)}`);
}

function integers(op: Operator, a: bigint, b: bigint): bigint | CelError {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0n ? new CelError('divide-by-zero', 'division by zero') : a / b;
    case '%':
      return b === 0n ? new CelError('divide-by-zero', 'modulus by zero') : a % b;
  }
}

function doubles(op: '+' | '-' | '*' | '/', a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
  }
}

export function negate(value: Value): Value {
  if (isIntValue(value)) return int(-BigInt(value));
  const number = doubleOf(value);
  if (number !== undefined) return double(-number);
  if (value instanceof CelDuration) return duration(-value.nanos);
  return noSuchOverload(`-${kindOf(value)}`);
}
