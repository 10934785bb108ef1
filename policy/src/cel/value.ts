import { CelError } from './error.ts';
import { labourOver } from './work.ts';

/**
 * Values at run time. JSON is read in place: strings, booleans, null, arrays and plain objects are themselves.
 *   int     a number that is an integer, or a bigint beyond ±2^53
 *   double  a number that is not an integer (NaN and infinities included), or CelDouble for 1.0
 *   uint    CelUint · bytes  Uint8Array · everything else  a CelObject
 * The type is `unknown` because bindings come from outside: kindOf tells, and what it does not know has no overload.
 */
export type Value = unknown;

/** What the engine makes beside JSON. `celKind` is what kindOf answers. */
export abstract class CelObject {
  abstract readonly celKind: string;
  toString(): string {
    return this.celKind;
  }
}

export class CelDouble extends CelObject {
  readonly celKind = 'double';
  readonly value: number;
  constructor(value: number) {
    super();
    this.value = value;
  }
  override toString(): string {
    return String(this.value);
  }
}

export class CelUint extends CelObject {
  readonly celKind = 'uint';
  /** A number up to 2^53, else a bigint. */
  readonly value: number | bigint;
  constructor(value: number | bigint) {
    super();
    this.value = value;
  }
  override toString(): string {
    return String(this.value);
  }
}

export class CelTimestamp extends CelObject {
  readonly celKind = 'timestamp';
  /** Since 1970-01-01T00:00:00Z. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }
}

export class CelDuration extends CelObject {
  readonly celKind = 'duration';
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }
}

export class CelTypeValue extends CelObject {
  readonly celKind = 'type';
  readonly name: string;
  constructor(name: string) {
    super();
    this.name = name;
  }
}

export class CelOptional extends CelObject {
  readonly celKind = 'optional_type';
  readonly hasValue: boolean;
  /** Meaningful only when hasValue. */
  readonly value: Value;
  constructor(hasValue: boolean, value: Value) {
    super();
    this.hasValue = hasValue;
    this.value = value;
  }
}

export const none = new CelOptional(false, undefined);
export const some = (value: Value): CelOptional => new CelOptional(true, value);

/**
 * A map whose values are made when first read: how a host offers `variables`. `resolve` answers undefined for a name
 * it does not have, and a CelError when making the value failed. It is asked once per name.
 */
export class LazyFields extends CelObject {
  readonly celKind = 'map';
  private readonly resolve: (name: string) => Value;
  /** Made with the first answer: much of what is offered is never read. */
  private known: Map<string, Value> | undefined;
  constructor(resolve: (name: string) => Value) {
    super();
    this.resolve = resolve;
  }
  get(name: string): Value {
    const known = (this.known ??= new Map());
    let value = known.get(name);
    if (value === undefined && !known.has(name)) {
      value = this.resolveSafely(name);
      known.set(name, value);
    }
    return value;
  }
  private resolveSafely(name: string): Value {
    try {
      return this.resolve(name);
    } catch (failure) {
      return new CelError('internal', failure instanceof Error ? failure.message : `cannot resolve ${name}`);
    }
  }
}

export const lazyFields = (resolve: (name: string) => Value): LazyFields => new LazyFields(resolve);

const objectPrototype: unknown = Object.prototype;

export function isPlainObject(value: Value): value is Readonly<Record<string, Value>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === objectPrototype || prototype === null;
}

const int64Magnitude = 2 ** 63;

/** Whether a number is an int: integral and within int64, as a JSON number is read. */
export const isInt = (value: number): boolean =>
  Number.isInteger(value) && value < int64Magnitude && value >= -int64Magnitude;

/** '' for what is no CEL value (undefined, functions, foreign class instances). */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return isInt(value) ? 'int' : 'double';
    case 'bigint':
      return 'int';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'list';
      if (value instanceof CelObject) return value.celKind;
      if (value instanceof Uint8Array) return 'bytes';
      return isPlainObject(value) ? 'map' : '';
    default:
      return '';
  }
}

export const isError = (value: Value): value is CelError => value instanceof CelError;

export const double = (value: number): Value => (isInt(value) ? new CelDouble(value) : value);

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

const compact = (value: bigint): number | bigint =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;

export function int(value: bigint, what = 'integer'): Value {
  if (value < minInt || value > maxInt) return new CelError('overflow', `${what} overflow`);
  return compact(value);
}

export function uint(value: bigint, what = 'unsigned integer'): Value {
  if (value < 0n || value > maxUint) return new CelError('overflow', `${what} overflow`);
  return new CelUint(compact(value));
}

/** The mathematical value of an int, uint or double; undefined for anything else. */
export function numeric(value: Value): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof CelDouble || value instanceof CelUint ? value.value : undefined;
}

const highSurrogate = /[\ud800-\udbff]/;

/** Number of code points. */
export function codePoints(text: string): number {
  labourOver(text.length);
  // Answered without a look at the text where it is kept as Latin-1, which nearly every one is.
  if (!highSurrogate.test(text)) return text.length;
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}
