/** metadata.managedFields as an API server keeps them, near enough in shape and size: who owns which fields. */
import { isJsonArray, isJsonObject } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';

type Fields = { [key: string]: Json };

/** FieldsV1 of a value: members as `f:`, list items with names as `k:`, other lists owned whole. */
function fieldsOf(value: Json): Fields {
  const fields: Fields = {};
  if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) fields[`f:${key}`] = fieldsOf(member);
  } else if (isJsonArray(value)) {
    for (const item of value)
      if (isJsonObject(item) && typeof item['name'] === 'string')
        fields[`k:${JSON.stringify({ name: item['name'] })}`] = { '.': {}, ...fieldsOf(item) };
  }
  return fields;
}

function owner(manager: string, fieldsV1: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    manager,
    operation: manager === 'argocd-controller' ? 'Apply' : 'Update',
    apiVersion: 'v1',
    time: '2026-01-05T08:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...more,
  };
}

/** Declared fields belong to a GitOps controller, status to the kind's controller. */
export function withManagers(object: JsonObject): JsonObject {
  const { status, metadata, apiVersion: _version, kind: _kind, ...declared } = object as Record<string, Json>;
  const { labels, annotations } = metadata as JsonObject;
  const named = { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
  const managedFields = [owner('argocd-controller', fieldsOf({ metadata: named, ...declared }))];
  if (status !== undefined)
    managedFields.push(owner('kube-controller-manager', fieldsOf({ status }), { subresource: 'status' }));
  return { ...object, metadata: { ...(metadata as JsonObject), managedFields } };
}

/** The object after a write of `manager` at `seconds` since the Unix epoch: its entry is newer, or there is a new one. */
export function touchedBy(object: JsonObject, manager: string, seconds: number): JsonObject {
  const metadata = object['metadata'] as JsonObject;
  const entries = metadata['managedFields'] as readonly JsonObject[];
  const time = new Date(seconds * 1_000).toISOString().replace('.000', '');
  const isKnown = entries.some((entry) => entry['manager'] === manager);
  const managedFields = isKnown
    ? entries.map((entry) => (entry['manager'] === manager ? { ...entry, time } : entry))
    : [...entries, owner(manager, { 'f:spec': {} }, { time })];
  return { ...object, metadata: { ...metadata, managedFields } };
}
