import { CelOpaque } from '../equality.ts';
import { CelError, invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import { double, int, type Value } from '../value.ts';
import { traversal } from './cost.ts';

const nanosPerUnit = 1_000_000_000n;
const maxInt64 = 2n ** 63n - 1n;
/** Quantities saturate here, above and below. */
const maxNanos = maxInt64 * nanosPerUnit;

const decimalSuffixes: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes: ReadonlyMap<string, number> = new Map([
  ['Ki', 10],
  ['Mi', 20],
  ['Gi', 30],
  ['Ti', 40],
  ['Pi', 50],
  ['Ei', 60],
]);

const saturated = (nanos: bigint): bigint => (nanos > maxNanos ? maxNanos : nanos < -maxNanos ? -maxNanos : nanos);

/** A Kubernetes quantity, exact to the nano. */
export class CelQuantity extends CelOpaque {
  readonly celKind = 'kubernetes.Quantity';
  readonly nanos: bigint;
  /** Power of ten the amount is a whole number of; undefined when it never fitted an int64: such are no integers. */
  readonly scale: number | undefined;
  readonly text: string;
  constructor(nanos: bigint, scale: number | undefined, text: string) {
    super();
    this.nanos = saturated(nanos);
    this.scale = scale;
    this.text = text;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelQuantity && other.nanos === this.nanos;
  }
  /** As an int64; undefined when it is none. */
  integer(): bigint | undefined {
    if (this.scale === undefined || this.scale < 0) return undefined;
    const value = this.nanos / nanosPerUnit;
    return value > maxInt64 || value < -maxInt64 ? undefined : value;
  }
  override toString(): string {
    return this.text;
  }
}

const syntax = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;
const maxQuantityLength = 256;
const maxExponent = 100;
/** Digits that always fit an int64. */
const safeDigits = 18;

export function parseQuantity(text: string): CelQuantity | CelError {
  const match = text.length > maxQuantityLength ? null : syntax.exec(text);
  if (match === null) {
    return invalid("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  const [, sign = '', integer = '', decimals = match[4] ?? '', , suffix = ''] = match;
  const whole = integer.replace(/^0+/, '');
  const binary = binarySuffixes.get(suffix);
  const exponent = decimalSuffixes.get(suffix) ?? (binary === undefined ? Number(suffix.slice(1)) : 0);
  const bounded = Math.max(-maxExponent, Math.min(maxExponent, exponent));
  const digits = BigInt(`0${whole}${decimals}`);
  const numerator = digits * (binary === undefined ? 1n : 1n << BigInt(binary));
  const shift = bounded + 9 - decimals.length;
  const magnitude = shift >= 0 ? numerator * 10n ** BigInt(shift) : roundedUp(numerator, 10n ** BigInt(-shift));
  const nanos = sign === '-' ? -magnitude : magnitude;
  return new CelQuantity(nanos, scaleOf({ whole, decimals, binary, exponent, nanos }), text);
}

const roundedUp = (numerator: bigint, denominator: bigint): bigint =>
  numerator / denominator + (numerator % denominator === 0n ? 0n : 1n);

type Parts = {
  readonly whole: string;
  readonly decimals: string;
  readonly binary: number | undefined;
  readonly exponent: number;
  readonly nanos: bigint;
};

function scaleOf({ whole, decimals, binary, exponent, nanos }: Parts): number | undefined {
  if (binary !== undefined) {
    const precision = 15 - whole.length - Math.trunc((binary * 3) / 10) - 1;
    const fits = nanos / nanosPerUnit <= maxInt64 && nanos / nanosPerUnit >= -maxInt64;
    return decimals === '' && precision >= 0 && fits ? 0 : undefined;
  }
  const scale = exponent - decimals.length;
  return whole.length + decimals.length <= safeDigits && scale >= -9 ? scale : undefined;
}

function combine(a: CelQuantity, nanos: bigint, scale: number | undefined): CelQuantity {
  const total = a.nanos + nanos;
  const common = a.scale === undefined || scale === undefined ? undefined : Math.min(a.scale, scale);
  return new CelQuantity(total, common, plain(total));
}

function plain(nanos: bigint): string {
  if (nanos % nanosPerUnit === 0n) return String(nanos / nanosPerUnit);
  return nanos % 1_000_000n === 0n
    ? `${nanos / 1_000_000n}m`
    : nanos % 1000n === 0n
      ? `${nanos / 1000n}u`
      : `${nanos}n`;
}

function asInteger(quantity: CelQuantity): Value {
  const value = quantity.integer();
  return value === undefined ? new CelError('invalid-argument', 'cannot convert value to integer') : int(value);
}

const compareTo = (a: CelQuantity, b: CelQuantity): number => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0);
const units = (value: number | bigint): bigint => BigInt(value) * nanosPerUnit;

export const quantityDefinitions: readonly Definition[] = [
  define('quantity(string) -> kubernetes.Quantity', parseQuantity, traversal),
  define('isQuantity(string) -> bool', (text: string) => parseQuantity(text) instanceof CelQuantity, traversal),
  define('kubernetes.Quantity::sign() -> int', ({ nanos }: CelQuantity) => (nanos < 0n ? -1 : nanos > 0n ? 1 : 0)),
  define('kubernetes.Quantity::isInteger() -> bool', (quantity: CelQuantity) => quantity.integer() !== undefined),
  define('kubernetes.Quantity::asInteger() -> int', asInteger),
  define('kubernetes.Quantity::asApproximateFloat() -> double', ({ nanos }: CelQuantity) =>
    double(Number(`${nanos}e-9`)),
  ),
  define(
    'kubernetes.Quantity::isGreaterThan(kubernetes.Quantity) -> bool',
    (a: CelQuantity, b: CelQuantity) => compareTo(a, b) > 0,
  ),
  define(
    'kubernetes.Quantity::isLessThan(kubernetes.Quantity) -> bool',
    (a: CelQuantity, b: CelQuantity) => compareTo(a, b) < 0,
  ),
  define('kubernetes.Quantity::compareTo(kubernetes.Quantity) -> int', compareTo),
  define('kubernetes.Quantity::add(kubernetes.Quantity) -> kubernetes.Quantity', (a: CelQuantity, b: CelQuantity) =>
    combine(a, b.nanos, b.scale),
  ),
  define('kubernetes.Quantity::add(int) -> kubernetes.Quantity', (a: CelQuantity, b: number | bigint) =>
    combine(a, units(b), 0),
  ),
  define('kubernetes.Quantity::sub(kubernetes.Quantity) -> kubernetes.Quantity', (a: CelQuantity, b: CelQuantity) =>
    combine(a, -b.nanos, b.scale),
  ),
  define('kubernetes.Quantity::sub(int) -> kubernetes.Quantity', (a: CelQuantity, b: number | bigint) =>
    combine(a, -units(b), 0),
  ),
];
