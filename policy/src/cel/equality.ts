import { CelMap, mapGet, mapPairs, mapSize } from './cel-map.ts';
import { noSuchOverload } from './error.ts';
import {
  CelDouble,
  CelDuration,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  codePoints,
  isError,
  isPlainObject,
  kindOf,
  numeric,
  type Value,
} from './value.ts';
import { labour } from './work.ts';

/** Opaque values (quantities, addresses, versions) that define their own equality. */
export abstract class CelOpaque extends CelObject {
  /** `other` is of the same kind. */
  abstract equals(other: CelOpaque): boolean;
}

/** Equality across all types: numbers by mathematical value, other different types are simply unequal. */
export function equal(a: Value, b: Value): boolean {
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return a === b;
  const x = numeric(a);
  if (x !== undefined) {
    const y = numeric(b);
    return y !== undefined && sameNumber(x, y);
  }
  if (typeof b !== 'object' || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b);
  if (a instanceof CelMap || isPlainObject(a)) {
    return (b instanceof CelMap || isPlainObject(b)) && equalMaps(a, b);
  }
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0;
  return equalObjects(a, b);
}

/** NaN equals nothing. */
const sameNumber = (x: number | bigint, y: number | bigint): boolean => order(x, y) === 0;

function equalLists(a: readonly Value[], b: readonly Value[]): boolean {
  if (a.length !== b.length) return false;
  labour(a.length);
  return a.every((element, i) => equal(element, b[i]));
}

/** Member by member, and none that only one of them has is read: a host may tell which values were looked at. */
function equalMembers(a: Readonly<Record<string, Value>>, b: Value): boolean {
  for (const key of Object.keys(a)) {
    const other = mapGet(b, key);
    if (other === undefined || !equal(a[key], other)) return false;
  }
  return true;
}

function equalMaps(a: Value, b: Value): boolean {
  const size = mapSize(a);
  if (size !== mapSize(b)) return false;
  if (isPlainObject(a)) return equalMembers(a, b);
  for (const [key, value] of mapPairs(a)) {
    const other = mapGet(b, key);
    if (other === undefined || !equal(value, other)) return false;
  }
  return true;
}

function equalObjects(a: Value, b: Value): boolean {
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  if (a instanceof CelOptional) {
    if (!(b instanceof CelOptional) || a.hasValue !== b.hasValue) return false;
    return !a.hasValue || equal(a.value, b.value);
  }
  if (a instanceof CelOpaque) return b instanceof CelOpaque && a.celKind === b.celKind && a.equals(b);
  return a === b;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** By code point, where UTF-16 order differs from it. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const isSurrogateX = x >= 0xd800 && x <= 0xdfff;
    const isSurrogateY = y >= 0xd800 && y <= 0xdfff;
    return isSurrogateX === isSurrogateY ? x - y : isSurrogateX ? 1 : -1;
  }
  return a.length - b.length;
}

/** An int beyond 2^53 meets a double as a double, as cel-go has it. */
function order(x: number | bigint, y: number | bigint): number {
  if (typeof x !== typeof y) return order(Number(x), Number(y));
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN;
}

/** Negative, 0 or positive; NaN when a number is NaN (then every comparison is false); an error across kinds. */
export function compare(a: Value, b: Value): number | ReturnType<typeof noSuchOverload> {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return order(x, y);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return order(a.nanos, b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return order(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  return noSuchOverload(`${kindOf(a)} and ${kindOf(b)} have no order`);
}

/** The size that costs are computed from: scalars are 1. */
export function costSize(value: Value): number {
  if (typeof value === 'string') return codePoints(value);
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null || isError(value)) return 1;
  return value instanceof CelMap || isPlainObject(value) ? mapSize(value) : 1;
}

export const isNumeric = (value: Value): boolean =>
  typeof value === 'number' || typeof value === 'bigint' || value instanceof CelDouble || value instanceof CelUint;
