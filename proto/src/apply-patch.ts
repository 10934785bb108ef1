import { ProtocolError } from './error.ts';
import { copyObject, isJsonArray, isJsonObject, jsonEqual, ownValue, setOwn } from './json.ts';
import type { Json } from './message.ts';
import type { PatchOperation } from './patch-operation.ts';
import { parsePointer } from './pointer.ts';

type MutableObject = { [key: string]: Json };

/**
 * The state of one application. Containers are copied once, on the way to their first edit; `owned` holds the copies,
 * which may be edited in place. Nothing that the caller or an operation handed in is ever written to.
 */
type Draft = { root: Json; owned: Set<Json> };

/**
 * The document after all operations. Shares what did not change with the input and writes to none of it.
 * Throws ProtocolError 'patch-mismatch' when an operation does not fit (with its number), 'invalid-patch' when a
 * pointer is none.
 */
export function applyPatch(document: Json, operations: readonly PatchOperation[]): Json {
  const draft: Draft = { root: document, owned: new Set() };
  operations.forEach((operation, index) => {
    if (!applyOne(draft, operation)) {
      throw new ProtocolError('patch-mismatch', `operation ${index} (${operation.op}) does not fit the document`);
    }
  });
  return draft.root;
}

/** The value at a pointer, or undefined. Throws ProtocolError 'invalid-patch' when the pointer is none. */
export function valueAt(document: Json, path: string): Json | undefined {
  return lookUp(document, parsePointer(path));
}

function applyOne(draft: Draft, operation: PatchOperation): boolean {
  const path = parsePointer(operation.path);
  switch (operation.op) {
    case 'add':
      return insert(draft, path, operation.value);
    case 'replace':
      return replace(draft, path, operation.value);
    case 'remove':
      return remove(draft, path);
    case 'test': {
      const value = lookUp(draft.root, path);
      return value !== undefined && jsonEqual(value, operation.value);
    }
    case 'copy': {
      const value = lookUp(draft.root, parsePointer(operation.from));
      // The copied value is now in two places: neither may be edited in place.
      draft.owned.clear();
      return value !== undefined && insert(draft, path, value);
    }
    case 'move':
      return move(draft, operation.from, operation.path);
  }
}

function move(draft: Draft, from: string, to: string): boolean {
  const value = lookUp(draft.root, parsePointer(from));
  if (value === undefined || to.startsWith(`${from}/`)) return false;
  return from === to || (remove(draft, parsePointer(from)) && insert(draft, parsePointer(to), value));
}

function insert(draft: Draft, path: readonly string[], value: Json): boolean {
  const key = path.at(-1);
  if (key === undefined) return setRoot(draft, value);
  const parent = ownedParent(draft, path);
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : arrayIndex(key);
    if (index === undefined || index > parent.length) return false;
    parent.splice(index, 0, value);
    return true;
  }
  if (parent === undefined) return false;
  setOwn(parent, key, value);
  return true;
}

function replace(draft: Draft, path: readonly string[], value: Json): boolean {
  const key = path.at(-1);
  if (key === undefined) return setRoot(draft, value);
  const parent = ownedParent(draft, path);
  if (Array.isArray(parent)) {
    const index = arrayIndex(key);
    if (index === undefined || index >= parent.length) return false;
    parent[index] = value;
    return true;
  }
  if (parent === undefined || !Object.hasOwn(parent, key)) return false;
  setOwn(parent, key, value);
  return true;
}

function remove(draft: Draft, path: readonly string[]): boolean {
  const key = path.at(-1);
  if (key === undefined) return false;
  const parent = ownedParent(draft, path);
  if (Array.isArray(parent)) {
    const index = arrayIndex(key);
    if (index === undefined || index >= parent.length) return false;
    parent.splice(index, 1);
    return true;
  }
  if (parent === undefined || !Object.hasOwn(parent, key)) return false;
  delete parent[key];
  return true;
}

function setRoot(draft: Draft, value: Json): boolean {
  draft.root = value;
  return true;
}

/** The container that the last segment names a member of, copied along the way as far as needed. */
function ownedParent(draft: Draft, path: readonly string[]): Json[] | MutableObject | undefined {
  let container = own(draft, draft.root);
  if (container === undefined) return undefined;
  draft.root = container;
  for (let i = 0; i < path.length - 1; i++) {
    const key = path[i] ?? '';
    const child = own(draft, member(container, key));
    if (child === undefined) return undefined;
    if (Array.isArray(container)) container[Number(key)] = child;
    else setOwn(container, key, child);
    container = child;
  }
  return container;
}

function own(draft: Draft, value: Json | undefined): Json[] | MutableObject | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (draft.owned.has(value)) return value as Json[] | MutableObject;
  const copy = isJsonObject(value) ? copyObject(value) : value.slice();
  draft.owned.add(copy);
  return copy;
}

function lookUp(document: Json, path: readonly string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const key of path) {
    value = member(value, key);
    if (value === undefined) return undefined;
  }
  return value;
}

function member(container: Json, key: string): Json | undefined {
  if (isJsonArray(container)) {
    const index = arrayIndex(key);
    return index === undefined ? undefined : container[index];
  }
  return isJsonObject(container) ? ownValue(container, key) : undefined;
}

function arrayIndex(segment: string): number | undefined {
  return /^(?:0|[1-9]\d{0,9})$/.test(segment) ? Number(segment) : undefined;
}
