import { isObject, type Json, type JsonObject, setKey } from './json.ts';

/** Lists that are stored even when they are empty: required fields of their kinds. */
const requiredLists = new Set(['rules', 'endpoints', 'verbs', 'containers', 'subsets']);
const freeMaps = new Set([
  'labels',
  'annotations',
  'data',
  'stringData',
  'binaryData',
  'matchLabels',
  'nodeSelector',
  'limits',
  'requests',
]);

/** An object of a built-in kind as its types encode it: without nulls, empty lists and empty maps. */
export const omitEmpty = (object: JsonObject): JsonObject => {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    const kept = omitIn(value);
    const isEmptyList = Array.isArray(kept) && kept.length === 0 && !requiredLists.has(key);
    const isEmptyMap = freeMaps.has(key) && isObject(kept) && Object.keys(kept).length === 0;
    if (kept !== null && !isEmptyList && !isEmptyMap) setKey(result, key, kept);
  }
  return result;
};

const omitIn = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(omitIn);
  return isObject(value) ? omitEmpty(value) : value;
};
