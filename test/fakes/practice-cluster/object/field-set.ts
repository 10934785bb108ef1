import { isObject, type Json, type JsonObject, sameJson, valueAt } from './json.ts';
import { type FieldPlace, isAtomicMap, isFreeMap, listRule, mapItemKey } from './list-rules.ts';

/** A set of fields as a tree, in the path elements of FieldsV1: `f:name`, `k:{"name":"web"}`, `v:"x"`. */
export type FieldSet = { self: boolean; readonly children: Map<string, FieldSet> };

export const emptySet = (): FieldSet => ({ self: false, children: new Map() });
const single = (): FieldSet => ({ self: true, children: new Map() });

export const isEmptySet = (set: FieldSet): boolean =>
  !set.self && [...set.children.values()].every((child) => isEmptySet(child));

export const union = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = { self: a.self || b.self, children: new Map(a.children) };
  for (const [element, child] of b.children) {
    const other = result.children.get(element);
    result.children.set(element, other === undefined ? child : union(other, child));
  }
  return result;
};

const combine = (a: FieldSet, b: FieldSet, keep: (inA: boolean, inB: boolean) => boolean): FieldSet => {
  const result: FieldSet = { self: keep(a.self, b.self), children: new Map() };
  for (const [element, child] of a.children) {
    const combined = combine(child, b.children.get(element) ?? emptySet(), keep);
    if (!isEmptySet(combined)) result.children.set(element, combined);
  }
  return result;
};

export const difference = (a: FieldSet, b: FieldSet): FieldSet => combine(a, b, (inA, inB) => inA && !inB);
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => combine(a, b, (inA, inB) => inA && inB);

/** Fields of `set` of which `owned` has neither the field itself nor anything in it. */
export const withoutOwned = (set: FieldSet, owned: FieldSet): FieldSet => {
  const result: FieldSet = { self: set.self && isEmptySet(owned), children: new Map() };
  for (const [element, child] of set.children) {
    const left = withoutOwned(child, owned.children.get(element) ?? emptySet());
    if (!isEmptySet(left)) result.children.set(element, left);
  }
  return result;
};

export const fromFieldsV1 = (fields: JsonObject): FieldSet => {
  const set = emptySet();
  for (const [element, child] of Object.entries(fields)) {
    if (element === '.') {
      set.self = true;
      continue;
    }
    const inner = isObject(child) ? fromFieldsV1(child) : emptySet();
    if (inner.children.size === 0) inner.self = true;
    set.children.set(element, inner);
  }
  return set;
};

export const toFieldsV1 = (set: FieldSet): JsonObject => {
  const fields: JsonObject = {};
  if (set.self && set.children.size > 0) fields['.'] = {};
  for (const element of [...set.children.keys()].sort()) {
    const child = set.children.get(element);
    if (child !== undefined && !isEmptySet(child)) fields[element] = toFieldsV1(child);
  }
  return fields;
};

/** Field paths as conflicts show them: `.spec.containers[name="web"].image`. */
export const pathsOf = (set: FieldSet, prefix = ''): string[] => {
  const own = set.self && prefix !== '' ? [prefix] : [];
  return [...own, ...[...set.children].flatMap(([element, child]) => pathsOf(child, prefix + shown(element)))];
};
const shown = (element: string): string => {
  if (element.startsWith('f:')) return `.${element.slice(2)}`;
  if (!element.startsWith('k:')) return `[=${element.slice(2)}]`;
  const keys: unknown = JSON.parse(element.slice(2));
  const pairs = Object.entries(isObject(keys) ? keys : {});
  return `[${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
};

/** The children of a value under their path elements, or undefined where the value is owned as a whole. */
export const elementsOf = (value: Json, field: string, place: FieldPlace): Map<string, [Json, string]> | undefined => {
  if (Array.isArray(value)) {
    const rule = listRule(field, place);
    if (rule.type === 'atomic') return undefined;
    if (rule.type === 'set') return new Map(value.map((item) => [`v:${JSON.stringify(item)}`, [item, field]]));
    const objects = value.filter(isObject);
    return new Map(objects.map((item) => [`k:${mapItemKey(item, rule.keys)}`, [item, field]]));
  }
  if (!isObject(value) || isAtomicMap(field, place)) return undefined;
  return new Map(Object.keys(value).map((key) => [`f:${key}`, [value[key] ?? null, key]]));
};

const ownsItself = (value: Json, field: string, place: FieldPlace): boolean =>
  Array.isArray(value) ? field !== 'containers' : isFreeMap(field, place);

/** Every field that `value` sets. */
export const fieldsOf = (value: Json, field: string, place: FieldPlace): FieldSet => {
  const elements = elementsOf(value, field, place);
  if (elements === undefined || elements.size === 0) return single();
  const set: FieldSet = { self: ownsItself(value, field, place), children: new Map() };
  for (const [element, [child, childField]] of elements) {
    const inner = fieldsOf(child, childField, { ...place, parent: isItem(element) ? place.parent : field });
    if (element.startsWith('k:')) inner.self = true;
    set.children.set(element, inner);
  }
  return set;
};

/** What an applied configuration owns: its leaves and list items, not the maps and lists around them. */
export const appliedFields = (config: JsonObject, custom: boolean): FieldSet =>
  leavesAndItems(fieldsOf(ownable(config), '', placeOf(config, custom)), false);

const leavesAndItems = (set: FieldSet, keepsSelf: boolean): FieldSet => {
  const children = [...set.children].map(([element, child]): [string, FieldSet] => [
    element,
    leavesAndItems(child, isItem(element)),
  ]);
  return { self: set.self && (keepsSelf || children.length === 0), children: new Map(children) };
};

const isItem = (element: string): boolean => element.startsWith('k:') || element.startsWith('v:');

export type Comparison = { readonly changed: FieldSet; readonly removed: FieldSet };

/** What differs between two values of the same field: fields added or modified, and fields removed. */
export const compareFields = (before: Json, after: Json, field: string, place: FieldPlace): Comparison => {
  if (before === after) return { changed: emptySet(), removed: emptySet() };
  const old = elementsOf(before, field, place);
  const now = elementsOf(after, field, place);
  if (old === undefined || now === undefined) {
    const same = sameJson(before, after);
    return { changed: same ? emptySet() : fieldsOf(after, field, place), removed: emptySet() };
  }
  const changed = emptySet();
  const removed = emptySet();
  for (const [element, [child, childField]] of now) {
    const inner: FieldPlace = { ...place, parent: isItem(element) ? place.parent : field };
    const previous = old.get(element);
    if (previous === undefined) {
      const added = fieldsOf(child, childField, inner);
      if (element.startsWith('k:')) added.self = true;
      changed.children.set(element, added);
      continue;
    }
    const difference = compareFields(previous[0], child, childField, inner);
    if (!isEmptySet(difference.changed)) changed.children.set(element, difference.changed);
    if (!isEmptySet(difference.removed)) removed.children.set(element, difference.removed);
  }
  for (const [element, [child, childField]] of old) {
    if (now.has(element)) continue;
    const gone = fieldsOf(child, childField, { ...place, parent: isItem(element) ? place.parent : field });
    if (element.startsWith('k:')) gone.self = true;
    removed.children.set(element, gone);
  }
  return { changed, removed };
};

const bookkeeping = ['name', 'namespace', 'creationTimestamp', 'uid', 'generation', 'managedFields', 'resourceVersion'];

/** What managers can own of an object: everything but its identity and the server's bookkeeping. */
export const ownable = (object: JsonObject): JsonObject => {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = object;
  const kept: JsonObject = isObject(metadata) ? { ...metadata } : {};
  for (const key of [...bookkeeping, 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink']) delete kept[key];
  return Object.keys(kept).length === 0 ? rest : { metadata: kept, ...rest };
};

/** Fields of the set that exist in the object: what a manager still owns after others removed some. */
export const existing = (set: FieldSet, value: Json | undefined, field: string, place: FieldPlace): FieldSet => {
  if (value === undefined) return emptySet();
  const elements = elementsOf(value, field, place);
  const result: FieldSet = { self: set.self, children: new Map() };
  for (const [element, child] of set.children) {
    const found = elements?.get(element);
    if (found === undefined) continue;
    const inner = existing(child, found[0], found[1], { ...place, parent: isItem(element) ? place.parent : field });
    if (!isEmptySet(inner)) result.children.set(element, inner);
  }
  return result;
};

export const placeOf = (object: JsonObject, custom: boolean): FieldPlace => {
  const kind = valueAt(object, 'kind');
  return { kind: typeof kind === 'string' ? kind : '', custom, parent: '' };
};
