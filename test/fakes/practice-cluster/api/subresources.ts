import type { Tokens } from '../access/tokens.ts';
import type { Clock } from '../clock.ts';
import { secondsText } from '../clock.ts';
import { isObject, type JsonObject, numberAt, objectAt, stringAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { badRequest, conflict, methodNotAllowed, noSuchResource, StatusError } from '../status-error.ts';
import type { Kind } from '../store/kind.ts';
import { asKind, deleteOptions, parseBody } from './body.ts';
import { deleteObject } from './deletion.ts';
import { applyObject, isApply, patched } from './patch.ts';
import { type Call, objectReply, type Reply, textReply } from './request.ts';
import { serveScale } from './scale.ts';
import type { Writer } from './writer.ts';

export type Subresources = { readonly writer: Writer; readonly clock: Clock; readonly tokens: Tokens };

/** A request for a subresource of a stored object. */
export const serveSubresource = (call: Call, kind: Kind, parts: Subresources): Reply => {
  const { subresource } = call.attributes;
  if (!kind.subresources.includes(subresource)) throw noSuchResource();
  switch (subresource) {
    case 'scale':
      return serveScale(call, kind, parts.writer);
    case 'status':
      return serveStatus(call, kind, parts.writer);
    case 'finalize':
    case 'approval':
    case 'ephemeralcontainers':
      return servePart(call, kind, parts.writer);
    case 'binding':
      return bind(call, kind, parts.writer);
    case 'eviction':
      return evict(call, kind, parts);
    case 'token':
      return issueToken(call, kind, parts);
    case 'log':
      return textReply(`practice cluster: ${parts.writer.existing(call, kind).metadata.name} is running\n`);
    default:
      // exec, attach and portforward are recorded by the audit log; there is nothing to connect to.
      parts.writer.existing(call, kind);
      throw new StatusError(400, 'BadRequest', `practice cluster: '${subresource}' has no container behind it`);
  }
};

const serveStatus = (call: Call, kind: Kind, writer: Writer): Reply => {
  const { verb } = call.attributes;
  if (verb === 'patch' && isApply(call)) return objectReply(applyObject(writer, call, kind).object);
  const before = writer.existing(call, kind);
  if (verb === 'get') return objectReply(before);
  return objectReply(writer.update(writer.writeOf(call, kind), before, givenObject(call, kind, before)));
};

const givenObject = (call: Call, kind: Kind, before: KubeObject): JsonObject => {
  if (call.attributes.verb === 'update') return asKind(parseBody(call.request.body, false), kind);
  if (call.attributes.verb === 'patch') return asKind(patched(call, before, kind.custom === undefined), kind);
  throw methodNotAllowed();
};

/** Subresources that replace one part of the object. */
const servePart = (call: Call, kind: Kind, writer: Writer): Reply => {
  const before = writer.existing(call, kind);
  if (call.attributes.verb === 'get') return objectReply(before);
  const given = givenObject(call, kind, before);
  const after = writer.update(writer.writeOf(call, kind), before, withPart(call.attributes.subresource, before, given));
  return objectReply(after);
};

const withPart = (subresource: string, before: KubeObject, given: JsonObject): JsonObject => {
  const version = stringAt(objectAt(given, 'metadata'), 'resourceVersion');
  const metadata = { ...before.metadata, ...(version === '' ? {} : { resourceVersion: version }) };
  const spec = objectAt(given, 'spec');
  if (subresource === 'approval') return { ...before, metadata, status: objectAt(given, 'status') };
  const field = subresource === 'finalize' ? 'finalizers' : 'ephemeralContainers';
  const { [field]: _old, ...rest } = objectAt(before, 'spec');
  const value = spec[field];
  return { ...before, metadata, spec: { ...rest, ...(value === undefined ? {} : { [field]: value }) } };
};

const created = (): JsonObject => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });

const bodyObject = (call: Call): JsonObject => {
  if (call.attributes.verb !== 'create') throw methodNotAllowed();
  const value = call.request.body === '' ? {} : parseBody(call.request.body, false);
  if (!isObject(value)) throw badRequest('the object provided is unrecognized');
  return value;
};

/** The scheduler's decision: the pod gets its node. */
const bind = (call: Call, kind: Kind, writer: Writer): Reply => {
  const node = stringAt(objectAt(bodyObject(call), 'target'), 'name');
  const before = writer.existing(call, kind);
  const spec = objectAt(before, 'spec');
  if (stringAt(spec, 'nodeName') !== '') {
    throw conflict(
      { group: '', resource: 'pods/binding', name: before.metadata.name },
      `pod ${before.metadata.name} is already assigned to node "${stringAt(spec, 'nodeName')}"`,
    );
  }
  // As the API server does, the binding is the server's own write: no field manager owns nodeName.
  writer.mark(kind, { ...before, spec: { ...spec, nodeName: node } });
  return objectReply(created(), 201);
};

const evict = (call: Call, kind: Kind, parts: Subresources): Reply => {
  bodyObject(call);
  deleteObject(parts.writer.existing(call, kind), kind, deleteOptions(call), parts);
  return objectReply(created(), 201);
};

const minTokenSeconds = 600;

const issueToken = (call: Call, kind: Kind, parts: Subresources): Reply => {
  const spec = objectAt(bodyObject(call), 'spec');
  const account = parts.writer.existing(call, kind);
  const expiresInS = Math.max(minTokenSeconds, numberAt(spec, 'expirationSeconds') ?? 3600);
  const user = `system:serviceaccount:${account.metadata.namespace ?? ''}:${account.metadata.name}`;
  const token = parts.tokens.issue({ user, uid: account.metadata.uid, expiresInS });
  const { name, namespace = '' } = account.metadata;
  return objectReply(
    {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name, namespace, creationTimestamp: secondsText(parts.clock.now()) },
      spec: {
        audiences: ['https://kubernetes.default.svc.cluster.local'],
        expirationSeconds: expiresInS,
        boundObjectRef: null,
      },
      status: { token, expirationTimestamp: secondsText(parts.clock.now() + expiresInS * 1000) },
    },
    201,
  );
};
