import { jsonPatch } from '../object/json-patch.ts';
import { isObject, type Json, type JsonObject, objectAt, stringAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { mergePatch } from '../object/merge-patch.ts';
import { serverSideApply } from '../object/server-side-apply.ts';
import { strategicMergePatch } from '../object/strategic-merge-patch.ts';
import { badRequest, invalid, notFound, required } from '../status-error.ts';
import { apiVersionOf, type Kind } from '../store/kind.ts';
import { asKind, checkFields, mediaType, parseBody, unsupportedMediaType } from './body.ts';
import type { Call } from './request.ts';
import { flag } from './route.ts';
import type { Write, Writer } from './writer.ts';

const strategic = 'application/strategic-merge-patch+json';
const apply = new Set(['application/apply-patch+yaml', 'application/apply-patch+cbor']);

export const isApply = (call: Call): boolean => apply.has(mediaType(call));

/** `document` after the patch of the request: JSON patch, merge patch, or strategic merge for built-in kinds. */
export const patched = (call: Call, document: JsonObject, allowsStrategic: boolean): JsonObject => {
  const type = mediaType(call);
  const patch = parseBody(call.request.body, false);
  const result = patchedBy(type, document, patch, allowsStrategic);
  if (!isObject(result)) throw badRequest('the patch does not leave an object');
  return result;
};

const patchedBy = (type: string, document: JsonObject, patch: Json, allowsStrategic: boolean): Json => {
  if (type === 'application/json-patch+json') return jsonPatch(document, patch);
  if (!isObject(patch)) throw badRequest('error decoding patch: not an object');
  if (type === 'application/merge-patch+json') return mergePatch(document, patch);
  if (type === strategic && allowsStrategic) return strategicMergePatch(document, patch);
  throw unsupportedMediaType();
};

/** A patch of a stored object: its new state, and the warnings of field validation. */
export const patchObject = (writer: Writer, write: Write): { object: KubeObject; warnings: string[] } => {
  const { call, kind } = write;
  const before = writer.existing(call, kind);
  const given = asKind(patched(call, served(before, call, kind), kind.custom === undefined), kind);
  const warnings = checkFields(call, kind, given, []);
  return { object: writer.update(write, before, given), warnings };
};

const served = (object: KubeObject, call: Call, kind: Kind): JsonObject => ({
  ...object,
  apiVersion: apiVersionOf(kind.group, call.attributes.version),
});

/** Server-side apply: creates the object when it is not there. */
export const applyObject = (
  writer: Writer,
  call: Call,
  kind: Kind,
): { object: KubeObject; isNew: boolean; warnings: string[] } => {
  const field = call.query.get('fieldManager') ?? '';
  if (field === '') {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions', name: '' }, [
      required('fieldManager', 'is required for apply patch'),
    ]);
  }
  const config = asKind(parseBody(call.request.body, true), kind);
  const warnings = checkFields(call, kind, config, []);
  const metadata = objectAt(config, 'metadata');
  if (Array.isArray(metadata['managedFields'])) throw badRequest('metadata.managedFields must be nil');
  const name = stringAt(metadata, 'name');
  if (name !== '' && name !== call.attributes.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${call.attributes.name})`);
  }
  const write = writer.writeOf(call, kind, 'Apply');
  const before = find(writer, call, kind);
  if (before === undefined) {
    if (call.attributes.subresource !== '') throw notFound({ ...kind, name: call.attributes.name });
    const given = { ...config, metadata: { ...metadata, name: call.attributes.name } };
    const result = { object: given, taken: { self: false, children: new Map() } };
    return { object: writer.create({ ...write, applied: { config, result } }, given), isNew: true, warnings };
  }
  const custom = kind.custom !== undefined;
  const result = serverSideApply(before, config, { manager: write.manager, force: flag(call.query, 'force'), custom });
  return {
    object: writer.update({ ...write, applied: { config, result } }, before, result.object),
    isNew: false,
    warnings,
  };
};

const find = (writer: Writer, call: Call, kind: Kind): KubeObject | undefined => {
  try {
    return writer.existing(call, kind);
  } catch {
    return undefined;
  }
};
