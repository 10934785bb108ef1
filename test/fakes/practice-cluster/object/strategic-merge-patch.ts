import { badRequest } from '../status-error.ts';
import { isObject, type Json, type JsonObject, sameJson, setKey, stringAt, valueAt, without } from './json.ts';
import { type FieldPlace, listRule } from './list-rules.ts';

/**
 * Strategic merge of the built-in kinds: lists with a merge key merge by it, sets unite, other lists are replaced;
 * `$patch: delete|replace`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…` and `$retainKeys` as the clients send them.
 */
export const strategicMergePatch = (target: JsonObject, patch: JsonObject): JsonObject =>
  mergeObjects(target, patch, '', { kind: stringAt(target, 'kind'), custom: false, parent: '' });

const directive = (item: Json): string => (isObject(item) ? stringAt(item, '$patch') : '');

const mergeObjects = (target: JsonObject, patch: JsonObject, field: string, place: FieldPlace): JsonObject => {
  const mode = directive(patch);
  const plain = without(patch, '$patch');
  if (mode === 'replace') return plain;
  if (mode === 'delete') return {};
  const inner: FieldPlace = { ...place, parent: field };
  const result: JsonObject = { ...retained(target, plain) };
  for (const [key, value] of Object.entries(plain)) {
    if (key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      dropPrimitives(result, key.slice('$deleteFromPrimitiveList/'.length), value);
    } else if (value === null) {
      delete result[key];
    } else {
      setKey(result, key, mergeValues(valueAt(result, key), value, key, inner));
    }
  }
  for (const [key, order] of Object.entries(plain)) {
    if (key.startsWith('$setElementOrder/')) orderList(result, key.slice('$setElementOrder/'.length), order, inner);
  }
  return result;
};

const retained = (target: JsonObject, patch: JsonObject): JsonObject => {
  const keys = patch['$retainKeys'];
  if (!Array.isArray(keys)) return target;
  return without(target, ...Object.keys(target).filter((key) => !keys.includes(key)));
};

const dropPrimitives = (result: JsonObject, key: string, values: Json): void => {
  const current = valueAt(result, key);
  if (Array.isArray(current) && Array.isArray(values)) {
    result[key] = current.filter((item) => !values.some((value) => sameJson(value, item)));
  }
};

const mergeValues = (target: Json | undefined, patch: Json, field: string, place: FieldPlace): Json => {
  if (Array.isArray(patch)) return mergeLists(Array.isArray(target) ? target : [], patch, field, place);
  if (!isObject(patch)) return patch;
  return mergeObjects(isObject(target) ? target : {}, patch, field, place);
};

const mergeLists = (target: Json[], patch: Json[], field: string, place: FieldPlace): Json => {
  const rule = listRule(field, place);
  const replaces = patch.some((item) => directive(item) === 'replace');
  const plain = patch.filter((item) => directive(item) !== 'replace');
  if (replaces || rule.type === 'atomic') return plain;
  if (rule.type === 'set') return [...target, ...plain.filter((item) => !target.includes(item))];
  const result = [...target];
  for (const item of plain) {
    const key = valueAt(item, rule.mergeKey);
    if (!isObject(item) || key === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${rule.mergeKey}`);
    }
    const at = result.findIndex((existing) => sameJson(valueAt(existing, rule.mergeKey), key));
    const existing = result[at];
    if (directive(item) === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (isObject(existing)) result[at] = mergeObjects(existing, item, field, place);
    else result.push(mergeObjects({}, item, field, place));
  }
  return result;
};

const orderList = (result: JsonObject, key: string, order: Json, place: FieldPlace): void => {
  const list = valueAt(result, key);
  if (!Array.isArray(list) || !Array.isArray(order)) return;
  const rule = listRule(key, place);
  const keyOf = (item: Json): Json | undefined => (rule.type === 'map' ? valueAt(item, rule.mergeKey) : item);
  const position = (item: Json): number => order.findIndex((wanted) => sameJson(keyOf(wanted), keyOf(item)));
  const known = list.filter((item) => position(item) >= 0).sort((a, b) => position(a) - position(b));
  // Items that the order does not name keep their place; the named ones fill the other places in the given order.
  result[key] = list.map((item) => (position(item) < 0 ? item : (known.shift() ?? item)));
};
