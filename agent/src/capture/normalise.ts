import { type Json, type JsonObject, isJsonArray, isJsonObject, ownObject, ownValue } from '@driftline/proto';
import { annotationNoise, metadataNoise, pathNoise } from './noise-rules.ts';
import { type Keep, statusRule } from './status-rules.ts';

/**
 * An object without its noise (noise-rules.ts, status-rules.ts). Pure; never alters its argument, shares what it keeps.
 * Normalising twice changes nothing. `name` is the kind as kindName gives it.
 */
export function normalise(object: JsonObject, name: string): JsonObject {
  let result = withMetadata(object);
  const status = ownValue(object, 'status');
  if (status !== undefined) {
    const kept = pick(status, statusRule(name));
    result = kept === undefined ? without(result, 'status') : { ...result, status: kept };
  }
  for (const path of Object.hasOwn(pathNoise, name) ? (pathNoise[name] ?? []) : []) {
    result = dropPath(result, path) as JsonObject;
  }
  return result;
}

function withMetadata(object: JsonObject): JsonObject {
  const metadata = ownObject(object, 'metadata');
  if (metadata === undefined) return object;
  const kept: { [key: string]: Json } = { ...metadata };
  for (const member of metadataNoise) delete kept[member];
  const annotations = ownObject(metadata, 'annotations');
  if (annotations !== undefined && Object.keys(annotations).some((key) => annotationNoise.has(key))) {
    const entries = Object.entries(annotations).filter(([key]) => !annotationNoise.has(key));
    if (entries.length > 0) kept['annotations'] = Object.fromEntries(entries);
    else delete kept['annotations'];
  }
  return { ...object, metadata: kept };
}

/** The part of a value that a rule keeps; undefined when nothing is left. */
function pick(value: Json, keep: Keep | undefined): Json | undefined {
  if (keep === undefined) return undefined;
  if (keep === true) return value;
  if (isJsonArray(value)) {
    const items = value.map((item) => pick(item, keep)).filter((item) => item !== undefined);
    return items.length > 0 ? items : undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const kept: { [key: string]: Json } = {};
  let isEmpty = true;
  for (const member of Object.keys(keep)) {
    const child = ownValue(value, member);
    const part = child === undefined ? undefined : pick(child, keep[member]);
    if (part === undefined) continue;
    kept[member] = part;
    isEmpty = false;
  }
  return isEmpty ? undefined : kept;
}

function dropPath(value: Json, path: readonly string[]): Json {
  const [member, ...rest] = path;
  if (member === undefined) return value;
  if (isJsonArray(value)) return value.map((item) => dropPath(item, path));
  if (!isJsonObject(value)) return value;
  const child = ownValue(value, member);
  if (child === undefined) return value;
  return rest.length === 0 ? without(value, member) : { ...value, [member]: dropPath(child, rest) };
}

function without(object: JsonObject, member: string): JsonObject {
  const { [member]: _dropped, ...rest } = object;
  return rest;
}
