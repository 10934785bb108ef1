/** Total readers for JSON of unknown shape: they never throw, and see own properties only. */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '@driftline/proto';
import type { ObjectKey } from '../contract.ts';
import { groupOf } from './pod-template.ts';

/** The value at a path of keys, or undefined. */
export function valueAt(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let current = value;
  for (const step of path) {
    if (!isJsonObject(current) || !Object.hasOwn(current, step)) return undefined;
    current = current[step];
  }
  return current;
}

export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject | undefined {
  const found = valueAt(value, ...path);
  return isJsonObject(found) ? found : undefined;
}

/** The list at the path; empty when it is anything else. */
export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = valueAt(value, ...path);
  return isJsonArray(found) ? found : [];
}

/** The string at the path; '' when it is anything else. */
export function stringAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** The strings of a list; empty for anything else. */
export function stringsOf(value: Json | undefined): readonly string[] {
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** String values of an object such as labels; others are left out. */
export function labelsAt(value: Json | undefined, ...path: readonly string[]): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [key, label] of Object.entries(objectAt(value, ...path) ?? {}))
    if (typeof label === 'string') labels.set(key, label);
  return labels;
}

/** The key an object gives itself by apiVersion, kind and metadata. */
export function objectKeyOf(object: JsonObject): ObjectKey {
  return {
    group: groupOf(stringAt(object, 'apiVersion')),
    kind: stringAt(object, 'kind'),
    namespace: stringAt(object, 'metadata', 'namespace'),
    name: stringAt(object, 'metadata', 'name'),
  };
}
