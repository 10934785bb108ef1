import {
  appliedFields,
  compareFields,
  difference,
  type FieldSet,
  fromFieldsV1,
  isEmptySet,
  ownable,
  placeOf,
  toFieldsV1,
  union,
} from './field-set.ts';
import { type JsonObject, sameJson } from './json.ts';
import type { KubeObject, ManagedFieldsEntry } from './kube-object.ts';

/** Who writes, and how: the identity of a managedFields entry, with the time it would get. */
export type FieldManager = {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly time: string;
};

const isSame = (entry: ManagedFieldsEntry, manager: FieldManager, apiVersion: string): boolean =>
  entry.manager === manager.name &&
  entry.operation === manager.operation &&
  (entry.subresource ?? '') === manager.subresource &&
  (entry.apiVersion === apiVersion || manager.operation === 'Apply');

const entryOf = (manager: FieldManager, apiVersion: string, set: FieldSet): ManagedFieldsEntry => ({
  manager: manager.name,
  operation: manager.operation,
  apiVersion,
  time: manager.time,
  fieldsType: 'FieldsV1',
  fieldsV1: toFieldsV1(set),
  ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
});

const inOrder = (entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] =>
  entries.sort(
    (a, b) =>
      Number(a.operation === 'Update') - Number(b.operation === 'Update') ||
      (a.time < b.time ? -1 : a.time > b.time ? 1 : a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0),
  );

/** Entries after taking fields away from everybody but `manager`. */
const othersWithout = (
  entries: readonly ManagedFieldsEntry[],
  taken: FieldSet,
  isOwn: (entry: ManagedFieldsEntry) => boolean,
): ManagedFieldsEntry[] =>
  entries.flatMap((entry) => {
    if (isOwn(entry)) return [];
    const fields = toFieldsV1(difference(fromFieldsV1(entry.fieldsV1), taken));
    if (Object.keys(fields).length === 0) return [];
    return [sameJson(fields, entry.fieldsV1) ? entry : { ...entry, fieldsV1: fields }];
  });

/** managedFields after `manager` turned `before` into `after` by create, update or a patch that is not an apply. */
export const trackUpdate = (
  before: KubeObject | undefined,
  after: KubeObject,
  manager: FieldManager,
  custom: boolean,
): ManagedFieldsEntry[] => {
  const place = placeOf(after, custom);
  const entries = before?.metadata.managedFields ?? [];
  const { changed, removed } = compareFields(before === undefined ? {} : ownable(before), ownable(after), '', place);
  if (isEmptySet(changed) && isEmptySet(removed)) return [...entries];
  const isOwn = (entry: ManagedFieldsEntry) => isSame(entry, manager, after.apiVersion);
  const previous = entries.find(isOwn);
  const before1 = previous === undefined ? undefined : fromFieldsV1(previous.fieldsV1);
  const own = difference(before1 === undefined ? changed : union(before1, changed), removed);
  const others = othersWithout(entries, union(changed, removed), isOwn);
  if (isEmptySet(own)) return inOrder(others);
  const entry = entryOf(manager, after.apiVersion, own);
  const unchanged = previous !== undefined && sameJson(previous.fieldsV1, entry.fieldsV1) && isEmptySet(changed);
  return inOrder([...others, unchanged ? previous : entry]);
};

/** managedFields after `manager` applied `applied`; fields in `taken` are lost to the others (a forced conflict). */
export const trackApply = (
  live: KubeObject | undefined,
  applied: JsonObject,
  taken: FieldSet,
  by: { manager: FieldManager; apiVersion: string; custom: boolean },
): ManagedFieldsEntry[] => {
  const entries = live?.metadata.managedFields ?? [];
  const isOwn = (entry: ManagedFieldsEntry) => isSame(entry, by.manager, by.apiVersion);
  const set = appliedFields(applied, by.custom);
  const entry = entryOf(by.manager, by.apiVersion, set);
  const previous = entries.find(isOwn);
  const unchanged = previous !== undefined && sameJson(previous.fieldsV1, entry.fieldsV1);
  const others = othersWithout(entries, taken, isOwn);
  return isEmptySet(set) ? inOrder(others) : inOrder([...others, unchanged ? previous : entry]);
};
