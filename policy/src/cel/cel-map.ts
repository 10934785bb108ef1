import { CelDouble, CelObject, CelUint, isPlainObject, LazyFields, numeric, type Value } from './value.ts';
import { labour } from './work.ts';

/** Numbers that are equal are the same key, whatever their types; undefined for what cannot be a key. */
function normalKey(key: Value): string | number | bigint | boolean | undefined {
  if (typeof key === 'string' || typeof key === 'boolean') return key;
  const number = numeric(key);
  if (typeof number !== 'number' || Number.isSafeInteger(number)) return number;
  return Number.isInteger(number) ? BigInt(number) : number;
}

/** A map the engine made; JSON objects stay plain objects. Keys are string, bool, int and uint. */
export class CelMap extends CelObject {
  readonly celKind = 'map';
  private readonly entries: Map<Value, readonly [key: Value, value: Value]> = new Map();

  get size(): number {
    return this.entries.size;
  }
  get(key: Value): Value {
    const normal = normalKey(key);
    return normal === undefined ? undefined : this.entries.get(normal)?.[1];
  }
  /** False when the key is there already, or cannot be a key. */
  add(key: Value, value: Value): boolean {
    const normal = isMapKey(key) ? normalKey(key) : undefined;
    if (normal === undefined || this.entries.has(normal)) return false;
    this.entries.set(normal, [key, value]);
    return true;
  }
  pairs(): IterableIterator<readonly [key: Value, value: Value]> {
    return this.entries.values();
  }
}

export function isMapKey(key: Value): boolean {
  if (typeof key === 'number') return Number.isInteger(key);
  return typeof key === 'string' || typeof key === 'boolean' || typeof key === 'bigint' || key instanceof CelUint;
}

/** The value at a key of any map; undefined when it is not there. Never reads what a JSON object inherits. */
export function mapGet(map: Value, key: Value): Value {
  if (map instanceof CelMap) return map.get(key);
  if (typeof key !== 'string') return undefined;
  if (isPlainObject(map)) return Object.hasOwn(map, key) ? map[key] : undefined;
  return map instanceof LazyFields ? map.get(key) : undefined;
}

export function mapSize(map: Value): number {
  if (map instanceof CelMap) return map.size;
  return isPlainObject(map) ? counted(Object.keys(map)).length : 0;
}

/** Of a JSON object in the order of its keys: equal objects give equal lists, whatever order they were written in. */
export function mapPairs(map: Value): Iterable<readonly [key: Value, value: Value]> {
  if (map instanceof CelMap) return map.pairs();
  return isPlainObject(map) ? sortedKeys(map).map((key) => [key, map[key]] as const) : [];
}

/** Keys of `mapPairs`, in their order. */
export function mapKeys(map: Value): readonly Value[] {
  if (map instanceof CelMap) return Array.from(map.pairs(), ([key]) => key);
  return isPlainObject(map) ? sortedKeys(map) : [];
}

function sortedKeys(map: object): readonly string[] {
  const keys = counted(Object.keys(map));
  return isSorted(keys) ? keys : keys.sort();
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i] as string) < (keys[i - 1] as string)) return false;
  return true;
}

function counted<T>(elements: T[]): T[] {
  labour(elements.length);
  return elements;
}

/** False for a double that is no integer: such a key finds nothing, and is not an error. */
export const canLookUp = (key: Value): boolean => isMapKey(key) || key instanceof CelDouble || typeof key === 'number';
