/** JSON values as the practice cluster holds them. Stored objects are never mutated: every write makes a new value. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** An object as callers write it down: any JSON, readonly or not. */
export type Manifest = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object at `key`, or an empty one; never the prototype's. */
export const objectAt = (parent: Json | undefined, key: string): JsonObject => {
  const value = valueAt(parent, key);
  return isObject(value) ? value : {};
};

export const arrayAt = (parent: Json | undefined, key: string): Json[] => {
  const value = valueAt(parent, key);
  return Array.isArray(value) ? value : [];
};

export const objectsAt = (parent: Json | undefined, key: string): JsonObject[] => arrayAt(parent, key).filter(isObject);

export const stringAt = (parent: Json | undefined, key: string): string => {
  const value = valueAt(parent, key);
  return typeof value === 'string' ? value : '';
};

export const numberAt = (parent: Json | undefined, key: string): number | undefined => {
  const value = valueAt(parent, key);
  return typeof value === 'number' ? value : undefined;
};

export const valueAt = (parent: Json | undefined, key: string): Json | undefined =>
  isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;

/** Follows `path` through objects. */
export const valueAtPath = (root: Json | undefined, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => valueAt(value, key), root);

/** Sets an own property even for keys such as `__proto__`, which plain assignment would treat specially. */
export const setKey = (target: JsonObject, key: string, value: Json): void => {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
};

export const cloneJson = <T extends Json>(value: T): T => {
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  if (!isObject(value)) return value;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setKey(copy, key, cloneJson(value[key] ?? null));
  return copy as T;
};

/** Equality of JSON values; the order of keys does not matter. */
export const sameJson = (a: Json | undefined, b: Json | undefined): boolean => {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
};

/** `object` without `keys`, or the same object when it has none of them. */
export const without = (object: JsonObject, ...keys: string[]): JsonObject => {
  if (!keys.some((key) => Object.hasOwn(object, key))) return object;
  const copy = { ...object };
  for (const key of keys) delete copy[key];
  return copy;
};

/** A scalar as text; objects, lists and what is absent are ''. */
export const textOf = (value: Json | undefined): string =>
  value === undefined || value === null || typeof value === 'object' ? '' : String(value);
