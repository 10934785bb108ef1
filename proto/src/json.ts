import type { Json, JsonObject } from './message.ts';

type MutableObject = { [key: string]: Json };

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Own property or undefined: `constructor` and `__proto__` are ordinary names here. */
export function ownValue(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Assignment that keeps `__proto__` an ordinary own property. */
export function setOwn(object: MutableObject, key: string, value: Json): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

/** Shallow copy; spread keeps an own `__proto__` own. */
export function copyObject(object: JsonObject): MutableObject {
  return { ...object };
}

/** Own string property, or ''. */
export function ownString(object: JsonObject | undefined, key: string): string {
  const value = object === undefined ? undefined : ownValue(object, key);
  return typeof value === 'string' ? value : '';
}

/** Own object property, or undefined. */
export function ownObject(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object === undefined ? undefined : ownValue(object, key);
  return isJsonObject(value) ? value : undefined;
}

/** Deep equality of JSON values; the order of keys does not matter. */
export function jsonEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isJsonArray(a)) return isJsonArray(b) && arraysEqual(a, b);
  return !isJsonArray(b) && objectsEqual(a, b);
}

function arraysEqual(a: readonly Json[], b: readonly Json[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!jsonEqual(a[i], b[i])) return false;
  return true;
}

function objectsEqual(a: JsonObject, b: JsonObject): boolean {
  let more = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || !jsonEqual(a[key], b[key])) return false;
    more++;
  }
  for (const _key in b) more--;
  return more === 0;
}

/** `items` with each item mapped; the same list when that changes none. */
export function mapItems(items: readonly Json[], map: (item: Json, index: number) => Json): readonly Json[] {
  let result: Json[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Json;
    const mapped = map(item, i);
    if (mapped === item) continue;
    result ??= items.slice();
    result[i] = mapped;
  }
  return result ?? items;
}

/** `object` with each member mapped; the same object when that changes none. */
export function mapMembers(object: JsonObject, map: (value: Json, key: string) => Json): JsonObject {
  let result: MutableObject | undefined;
  for (const key in object) {
    const value = object[key];
    if (value === undefined) continue;
    const mapped = map(value, key);
    if (mapped === value) continue;
    result ??= copyObject(object);
    setOwn(result, key, mapped);
  }
  return result ?? object;
}
