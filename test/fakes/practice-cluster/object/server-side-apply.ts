import { StatusError } from '../status-error.ts';
import {
  appliedFields,
  compareFields,
  elementsOf,
  emptySet,
  type FieldSet,
  fromFieldsV1,
  intersection,
  isEmptySet,
  ownable,
  pathsOf,
  placeOf,
  union,
  withoutOwned,
} from './field-set.ts';
import { isObject, type Json, type JsonObject, setKey } from './json.ts';
import type { KubeObject, ManagedFieldsEntry } from './kube-object.ts';
import { type FieldPlace, isAtomicMap, listRule, mapItemKey } from './list-rules.ts';
import type { FieldManager } from './managed-fields.ts';

export type Applied = {
  readonly object: JsonObject;
  /** Fields that other managers lose because the apply was forced. */
  readonly taken: FieldSet;
};

/** Merges an applied configuration into the live object. Throws the 409 with one cause for each conflicting field. */
export const serverSideApply = (
  live: KubeObject,
  applied: JsonObject,
  by: { manager: FieldManager; force: boolean; custom: boolean },
): Applied => {
  const place = placeOf(live, by.custom);
  const wanted = ownable(applied);
  const current = ownable(live);
  const wantedSet = appliedFields(applied, by.custom);
  const entries = live.metadata.managedFields ?? [];
  const isOwn = (entry: ManagedFieldsEntry) => entry.manager === by.manager.name && entry.operation === 'Apply';
  const others = entries.filter((entry) => !isOwn(entry));
  const ownBefore = entries.filter(isOwn).map((entry) => fromFieldsV1(entry.fieldsV1));
  const merged = merge(current, wanted, '', place);
  const { changed } = compareFields(current, merged, '', place);
  const taken = refuseConflicts(others, intersection(changed, wantedSet), by.force);
  const ownedByOthers = others.map((entry) => fromFieldsV1(entry.fieldsV1)).reduce(union, emptySet());
  const dropped = withoutOwned(ownBefore.reduce(union, emptySet()), union(wantedSet, ownedByOthers));
  const kept = removeFields(merged, dropped, '', place);
  return { object: { ...live, ...(isObject(kept) ? kept : {}), metadata: metadataOf(live, kept) }, taken };
};

const metadataOf = (live: KubeObject, kept: Json | undefined): JsonObject => {
  const identity: JsonObject = { ...live.metadata };
  for (const key of Object.keys(ownable({ metadata: live.metadata })['metadata'] ?? {})) delete identity[key];
  const metadata = isObject(kept) ? kept['metadata'] : undefined;
  return { ...identity, ...(isObject(metadata) ? metadata : {}) };
};

const refuseConflicts = (others: readonly ManagedFieldsEntry[], changed: FieldSet, force: boolean): FieldSet => {
  let taken = emptySet();
  const causes: JsonObject[] = [];
  const messages: string[] = [];
  for (const entry of others) {
    const fought = intersection(fromFieldsV1(entry.fieldsV1), changed);
    if (isEmptySet(fought)) continue;
    taken = union(taken, fought);
    const message = `conflict with ${JSON.stringify(entry.manager)}${entry.subresource === undefined ? '' : ` with subresource ${JSON.stringify(entry.subresource)}`} using ${entry.apiVersion}`;
    const paths = pathsOf(fought);
    for (const field of paths) causes.push({ reason: 'FieldManagerConflict', message, field });
    messages.push(`${message}: ${paths.length === 1 ? paths[0] : `\n- ${paths.join('\n- ')}`}`);
  }
  if (causes.length === 0 || force) return taken;
  const text = `Apply failed with ${causes.length} conflict${causes.length === 1 ? '' : 's'}: ${messages.join('\n')}`;
  throw new StatusError(409, 'Conflict', text, { details: { causes } });
};

const merge = (live: Json | undefined, wanted: Json, field: string, place: FieldPlace): Json => {
  if (Array.isArray(wanted) && Array.isArray(live)) return mergeLists(live, wanted, field, place);
  if (!isObject(wanted) || !isObject(live) || isAtomicMap(field, place)) return wanted;
  const result: JsonObject = { ...live };
  for (const [key, value] of Object.entries(wanted)) {
    const before = Object.hasOwn(live, key) ? live[key] : undefined;
    setKey(result, key, merge(before, value, key, { ...place, parent: field }));
  }
  return result;
};

const mergeLists = (live: Json[], wanted: Json[], field: string, place: FieldPlace): Json => {
  const rule = listRule(field, place);
  if (rule.type === 'atomic') return wanted;
  if (rule.type === 'set') return [...live, ...wanted.filter((item) => !live.includes(item))];
  const keyOf = (item: Json) => (isObject(item) ? mapItemKey(item, rule.keys) : '');
  const incoming = new Map(wanted.map((item) => [keyOf(item), item]));
  const result = live.map((item) => {
    const change = incoming.get(keyOf(item));
    incoming.delete(keyOf(item));
    return change === undefined ? item : merge(item, change, field, place);
  });
  return [...result, ...incoming.values()];
};

/** `value` without the fields of `set`, and all that is in them; undefined when nothing of it is left. */
const removeFields = (value: Json, set: FieldSet, field: string, place: FieldPlace): Json | undefined => {
  if (set.self) return undefined;
  const elements = elementsOf(value, field, place);
  if (elements === undefined || isEmptySet(set)) return value;
  const keep = (element: string, child: Json, childField: string): Json | undefined => {
    const gone = set.children.get(element);
    const parent = element.startsWith('f:') ? field : place.parent;
    return gone === undefined ? child : removeFields(child, gone, childField, { ...place, parent });
  };
  if (Array.isArray(value)) {
    const items = [...elements].flatMap(([element, [child, childField]]) => keep(element, child, childField) ?? []);
    return items.length === 0 ? undefined : items;
  }
  const result: JsonObject = {};
  for (const [element, [child, childField]] of elements) {
    const left = keep(element, child, childField);
    if (left !== undefined) setKey(result, childField, left);
  }
  return result;
};
