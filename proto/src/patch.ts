/** RFC 6902 as Driftline uses it: the shortest way from one version of an object to the next. */
import { applyPatch, valueAt } from './apply-patch.ts';
import { isJsonArray, isJsonObject, jsonEqual, ownValue } from './json.ts';
import type { Json, JsonObject } from './message.ts';
import type { PatchOperation } from './patch-operation.ts';
import { pointer, type Segment } from './pointer.ts';

/**
 * The operations that turn `before` into `after`: add, remove and replace only. Objects are compared by key; of lists
 * the common beginning and end are left alone, so that an inserted or removed item is one operation.
 * applyPatch(before, diff(before, after)) equals after. Empty exactly when both are equal as JSON.
 */
export function diff(before: Json, after: Json): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  diffValue(before, after, [], operations);
  return operations;
}

function diffValue(before: Json, after: Json, path: Segment[], out: PatchOperation[]): void {
  if (before === after) return;
  if (isJsonArray(before) && isJsonArray(after)) diffArray(before, after, path, out);
  else if (isJsonObject(before) && isJsonObject(after)) diffObject(before, after, path, out);
  else out.push({ op: 'replace', path: pointer(path), value: after });
}

function diffObject(before: JsonObject, after: JsonObject, path: Segment[], out: PatchOperation[]): void {
  const depth = path.length;
  for (const key in before) {
    const old = before[key];
    const next = ownValue(after, key);
    if (old === next || old === undefined) continue;
    path[depth] = key;
    if (next === undefined) out.push({ op: 'remove', path: pointer(path) });
    else diffValue(old, next, path, out);
    path.length = depth;
  }
  for (const key in after) {
    const next = after[key];
    if (next === undefined || ownValue(before, key) !== undefined) continue;
    path[depth] = key;
    out.push({ op: 'add', path: pointer(path), value: next });
    path.length = depth;
  }
}

function diffArray(before: readonly Json[], after: readonly Json[], path: Segment[], out: PatchOperation[]): void {
  const depth = path.length;
  const shared = Math.min(before.length, after.length);
  let head = 0;
  while (head < shared && jsonEqual(before[head], after[head])) head++;
  let tail = 0;
  while (tail < shared - head && jsonEqual(before[before.length - 1 - tail], after[after.length - 1 - tail])) tail++;
  const paired = shared - tail;
  for (let i = head; i < paired; i++) {
    path[depth] = i;
    diffValue(before[i] as Json, after[i] as Json, path, out);
  }
  for (let i = before.length - tail - 1; i >= paired; i--) {
    path[depth] = i;
    out.push({ op: 'remove', path: pointer(path) });
  }
  for (let i = paired; i < after.length - tail; i++) {
    path[depth] = i;
    out.push({ op: 'add', path: pointer(path), value: after[i] as Json });
  }
  path.length = depth;
}

/**
 * JSON Pointers that the operations touch, each once, in order; '-' becomes the index it meant. A move touches both
 * ends; a test touches nothing. `before` is the document the operations apply to.
 */
export function changedPaths(operations: readonly PatchOperation[], before: Json): string[] {
  const paths = new Set<string>();
  let document = before;
  const resolvesAppends = operations.some((operation) => operation.path.endsWith('/-'));
  for (const operation of operations) {
    if (operation.op === 'test') continue;
    if (operation.op === 'move') paths.add(operation.from);
    paths.add(resolvesAppends ? resolveAppend(operation.path, document) : operation.path);
    if (resolvesAppends) document = applyPatch(document, [operation]);
  }
  return [...paths];
}

function resolveAppend(path: string, document: Json): string {
  if (!path.endsWith('/-')) return path;
  const parent = path.slice(0, -2);
  const target = valueAt(document, parent);
  return isJsonArray(target) ? `${parent}/${target.length}` : path;
}
