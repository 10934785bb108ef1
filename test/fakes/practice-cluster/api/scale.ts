import {
  isObject,
  type JsonObject,
  numberAt,
  objectAt,
  setKey,
  stringAt,
  valueAtPath,
  textOf,
} from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { badRequest } from '../status-error.ts';
import type { Kind } from '../store/kind.ts';
import { decodeScale } from './scale-body.ts';
import { patched } from './patch.ts';
import { objectReply, type Call, type Reply } from './request.ts';
import type { Writer } from './writer.ts';

const paths = (kind: Kind) =>
  kind.custom?.scale ?? { specPath: '.spec.replicas', statusPath: '.status.replicas', selectorPath: '' };
const parts = (path: string): string[] => path.split('.').filter((part) => part !== '');

/** The autoscaling/v1 Scale of a workload. */
export const scaleOf = (object: KubeObject, kind: Kind): JsonObject => {
  const { specPath, statusPath } = paths(kind);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = objectAt(objectAt(objectAt(object, 'spec'), 'selector'), 'matchLabels');
  const selector = Object.entries(labels)
    .map(([key, value]) => `${key}=${textOf(value)}`)
    .join(',');
  const replicas = valueAtPath(object, parts(specPath));
  const current = valueAtPath(object, parts(statusPath));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: typeof replicas === 'number' ? replicas : 0 },
    status: { replicas: typeof current === 'number' ? current : 0, ...(selector === '' ? {} : { selector }) },
  };
};

/** get, update and patch of the scale subresource. */
export const serveScale = (call: Call, kind: Kind, writer: Writer): Reply => {
  const before = writer.existing(call, kind);
  if (call.attributes.verb === 'get') return objectReply(scaleOf(before, kind));
  const current = scaleOf(before, kind);
  const scale = call.attributes.verb === 'update' ? decodeScale(call) : patched(call, current, true);
  const replicas = numberAt(objectAt(scale, 'spec'), 'replicas') ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0)
    throw badRequest('spec.replicas: must be a whole number that is not negative');
  const path = parts(paths(kind).specPath);
  const given = withValue(before, path, replicas);
  const version = stringAt(objectAt(scale, 'metadata'), 'resourceVersion');
  const metadata = { ...before.metadata, ...(version === '' ? {} : { resourceVersion: version }) };
  const after = writer.update(writer.writeOf(call, kind), before, { ...given, metadata });
  return objectReply(scaleOf(after, kind));
};

const withValue = (object: JsonObject, path: readonly string[], value: number): JsonObject => {
  const [head = '', ...rest] = path;
  const copy = { ...object };
  const inner = objectAt(object, head);
  setKey(copy, head, rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value));
  return copy;
};
