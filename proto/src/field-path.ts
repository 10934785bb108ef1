/** Changes as people read them: field paths in the notation of kubectl and of Kubernetes' own errors. */
import { isJsonArray, isJsonObject, jsonEqual, ownValue } from './json.ts';
import type { Json, JsonObject } from './message.ts';

export type FieldChange = {
  /** `spec.template.spec.containers[name=web].image`, `metadata.annotations[team/owner]`; '' is the whole object. */
  readonly path: string;
  /** Absent when the field was not there. */
  readonly before?: Json;
  /** Absent when the field is gone. */
  readonly after?: Json;
};

/**
 * The fields that differ, in the order of `before` and then of what `after` adds. Lists whose items all have their own
 * `name` are matched by it, as a strategic merge would; other lists by position, after their common beginning and end.
 * A named list whose items only changed places is one change with the names before and after. An object that appears
 * or goes as a whole is one change with path ''. Empty exactly when both are equal as JSON.
 */
export function fieldChanges(before: Json | undefined, after: Json | undefined): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  compare('', before, after, changes);
  return changes;
}

/** `path` extended by an object key; keys that are no plain identifier stand in brackets. */
export function fieldPath(path: string, key: string): string {
  if (/^[A-Za-z_$][\w$-]*$/.test(key)) return path === '' ? key : `${path}.${key}`;
  return `${path}[${/^[A-Za-z_./-][\w./-]*$/.test(key) ? key : JSON.stringify(key)}]`;
}

/** `path` extended by a list item: `[name=web]` where items have names, `[0]` where not. */
export function itemPath(path: string, item: string | number): string {
  return typeof item === 'number' ? `${path}[${item}]` : `${path}[name=${item}]`;
}

function compare(path: string, before: Json | undefined, after: Json | undefined, out: FieldChange[]): void {
  if (before === after) return;
  if (isJsonObject(before) && isJsonObject(after)) compareObjects(path, before, after, out);
  else if (isJsonArray(before) && isJsonArray(after)) compareArrays(path, before, after, out);
  else out.push(change(path, before, after));
}

function change(path: string, before: Json | undefined, after: Json | undefined): FieldChange {
  return {
    path,
    ...(before === undefined ? undefined : { before }),
    ...(after === undefined ? undefined : { after }),
  };
}

function compareObjects(path: string, before: JsonObject, after: JsonObject, out: FieldChange[]): void {
  for (const key of Object.keys(before)) compare(fieldPath(path, key), before[key], ownValue(after, key), out);
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key)) compare(fieldPath(path, key), undefined, after[key], out);
  }
}

function compareArrays(path: string, before: readonly Json[], after: readonly Json[], out: FieldChange[]): void {
  if (jsonEqual(before, after)) return;
  const old = byName(before);
  const next = byName(after);
  if (old !== undefined && next !== undefined) compareNamed(path, old, next, out);
  else comparePositions(path, before, after, out);
}

/** Items by their name, in order; undefined unless every item is an object with a name of its own. */
function byName(items: readonly Json[]): ReadonlyMap<string, JsonObject> | undefined {
  const named = new Map<string, JsonObject>();
  for (const item of items) {
    const name = isJsonObject(item) ? ownValue(item, 'name') : undefined;
    if (typeof name !== 'string' || named.has(name)) return undefined;
    named.set(name, item as JsonObject);
  }
  return named;
}

function compareNamed(
  path: string,
  before: ReadonlyMap<string, JsonObject>,
  after: ReadonlyMap<string, JsonObject>,
  out: FieldChange[],
): void {
  for (const [name, item] of before) compare(itemPath(path, name), item, after.get(name), out);
  for (const [name, item] of after) if (!before.has(name)) compare(itemPath(path, name), undefined, item, out);
  const keptBefore = [...before.keys()].filter((name) => after.has(name));
  const keptAfter = [...after.keys()].filter((name) => before.has(name));
  if (keptBefore.some((name, i) => keptAfter[i] !== name)) out.push(change(path, keptBefore, keptAfter));
}

function comparePositions(path: string, before: readonly Json[], after: readonly Json[], out: FieldChange[]): void {
  const shared = Math.min(before.length, after.length);
  let head = 0;
  while (head < shared && jsonEqual(before[head], after[head])) head++;
  let tail = 0;
  while (tail < shared - head && jsonEqual(before[before.length - 1 - tail], after[after.length - 1 - tail])) tail++;
  const paired = shared - tail;
  for (let i = head; i < paired; i++) compare(itemPath(path, i), before[i], after[i], out);
  for (let i = paired; i < before.length - tail; i++) compare(itemPath(path, i), before[i], undefined, out);
  for (let i = paired; i < after.length - tail; i++) compare(itemPath(path, i), undefined, after[i], out);
}
