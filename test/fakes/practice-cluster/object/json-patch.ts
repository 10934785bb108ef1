import { badRequest, rejectedRequest } from '../status-error.ts';
import { cloneJson, isObject, type Json, type JsonObject, sameJson, setKey, stringAt, valueAt } from './json.ts';

const maxOperations = 10_000;

/** RFC 6902 on a copy of `document`. A failed test or a missing path is the API server's 422. */
export const jsonPatch = (document: Json, operations: Json): Json => {
  if (!Array.isArray(operations)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  if (operations.length > maxOperations) throw badRequest(`a JSON patch has at most ${maxOperations} operations`);
  return operations.reduce<Json>((state, operation) => {
    if (!isObject(operation)) throw badRequest('error decoding patch: an operation is an object');
    return applyOperation(state, operation);
  }, cloneJson(document));
};

const pointer = (operation: JsonObject, key: 'path' | 'from'): string[] => {
  const text = stringAt(operation, key);
  if (text === '') return [];
  if (!text.startsWith('/')) throw rejectedRequest();
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
};

const applyOperation = (document: Json, operation: JsonObject): Json => {
  const path = pointer(operation, 'path');
  const value = () => cloneJson(valueAt(operation, 'value') ?? null);
  switch (stringAt(operation, 'op')) {
    case 'add':
      return add(document, path, value());
    case 'remove':
      return remove(document, path);
    case 'replace':
      read(document, path);
      return path.length === 0 ? value() : add(remove(document, path), path, value());
    case 'move': {
      const moved = read(document, pointer(operation, 'from'));
      return add(remove(document, pointer(operation, 'from')), path, moved);
    }
    case 'copy':
      return add(document, path, cloneJson(read(document, pointer(operation, 'from'))));
    case 'test':
      if (!sameJson(read(document, path), valueAt(operation, 'value') ?? null)) throw rejectedRequest();
      return document;
    default:
      throw rejectedRequest();
  }
};

const index = (list: Json[], part: string): number => {
  const at = part === '-' ? list.length : /^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1;
  if (at < 0 || at > list.length) throw rejectedRequest();
  return at;
};

const read = (document: Json, path: readonly string[]): Json =>
  path.reduce<Json>((value, part) => {
    const next = Array.isArray(value) ? value[index(value, part)] : valueAt(value, part);
    if (next === undefined) throw rejectedRequest();
    return next;
  }, document);

const add = (document: Json, path: readonly string[], value: Json): Json => {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(index(parent, last), 0, value);
  else if (isObject(parent)) setKey(parent, last, value);
  else throw rejectedRequest();
  return document;
};

const remove = (document: Json, path: readonly string[]): Json => {
  const last = path.at(-1);
  if (last === undefined) return null;
  read(document, path);
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(index(parent, last), 1);
  else if (isObject(parent)) delete parent[last];
  return document;
};
