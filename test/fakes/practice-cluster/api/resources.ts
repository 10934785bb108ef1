import type { Clock } from '../clock.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { badRequest, methodNotAllowed, noSuchResource, StatusError } from '../status-error.ts';
import { reviewKinds } from '../store/built-in-kinds.ts';
import type { Kind } from '../store/kind.ts';
import type { Store } from '../store/store.ts';
import { decodeObject, deleteOptions } from './body.ts';
import { deleteObject, deletionReply } from './deletion.ts';
import { list } from './list.ts';
import { applyObject, isApply, patchObject } from './patch.ts';
import type { Rendering } from './form.ts';
import { formOf, renderingOf, renderList, renderObject } from './rendering.ts';
import type { Call, Reply } from './request.ts';
import { type Reviews, serveReview } from './reviews.ts';
import { scopePrefix, selectionOf } from './selection.ts';
import { serveSubresource, type Subresources } from './subresources.ts';
import { watch, type WatchHub, type WatchSettings } from './watch.ts';
import type { Writer } from './writer.ts';

export type Resources = Subresources &
  Reviews & {
    readonly store: Store;
    readonly writer: Writer;
    readonly clock: Clock;
    readonly hub: WatchHub;
    readonly watchSettings: WatchSettings;
  };

/** A request for objects of a kind: the verbs on collections, objects and subresources. */
export const serveResource = (call: Call, parts: Resources): Reply => {
  const { group, version, resource, subresource, namespace } = call.attributes;
  const review =
    version === 'v1' ? reviewKinds.find((kind) => kind.group === group && kind.resource === resource) : undefined;
  if (review !== undefined) return serveReview(call, review.kind, parts);
  const kind = parts.store.kinds.served(group, version, resource);
  if (kind === undefined) throw noSuchResource();
  if (!kind.namespaced && namespace !== '' && resource !== 'namespaces') throw noSuchResource();
  if (subresource !== '') return serveSubresource(call, kind, parts);
  const form = formOf(call.request.headers['accept']);
  if (form === undefined) {
    throw new StatusError(406, 'NotAcceptable', 'only the following media types are accepted: application/json', {
      details: {},
    });
  }
  return serveVerb(call, kind, renderingOf(call, kind, form, parts.clock.now()), parts);
};

const shown = (object: KubeObject, rendering: Rendering, status = 200, warnings: readonly string[] = []): Reply => ({
  type: 'object',
  status,
  object: renderObject(object, rendering),
  ...(warnings.length === 0 ? {} : { warnings }),
});

const serveVerb = (call: Call, kind: Kind, rendering: Rendering, parts: Resources): Reply => {
  const { writer } = parts;
  switch (call.attributes.verb) {
    case 'list':
      return list(call, kind, parts.store, rendering);
    case 'watch':
      return watch(call, kind, rendering, { store: parts.store, settings: parts.watchSettings, hub: parts.hub });
    case 'get':
      return shown(writer.existing(call, kind), rendering);
    case 'create':
      return create(call, kind, rendering, writer);
    case 'update': {
      const { object, warnings } = decodeObject(call, kind);
      return shown(
        writer.update(writer.writeOf(call, kind), writer.existing(call, kind), object),
        rendering,
        200,
        warnings,
      );
    }
    case 'patch': {
      if (isApply(call)) {
        const { object, isNew, warnings } = applyObject(writer, call, kind);
        return shown(object, rendering, isNew ? 201 : 200, warnings);
      }
      const { object, warnings } = patchObject(writer, writer.writeOf(call, kind));
      return shown(object, rendering, 200, warnings);
    }
    case 'delete': {
      const deletion = deleteObject(writer.existing(call, kind), kind, deleteOptions(call), parts);
      return deletionReply(deletion, kind, renderObject(deletion.object, rendering));
    }
    case 'deletecollection':
      return deleteCollection(call, kind, rendering, parts);
    default:
      throw methodNotAllowed();
  }
};

const create = (call: Call, kind: Kind, rendering: Rendering, writer: Writer): Reply => {
  if (call.attributes.name !== '' && kind.resource !== 'namespaces') throw methodNotAllowed();
  const { object, warnings } = decodeObject(call, kind);
  if (kind.namespaced && call.attributes.namespace === '')
    throw badRequest('an empty namespace may not be set during creation');
  return shown(writer.create(writer.writeOf(call, kind), object), rendering, 201, warnings);
};

const deleteCollection = (call: Call, kind: Kind, rendering: Rendering, parts: Resources): Reply => {
  if (!kind.verbs.includes('deletecollection')) throw methodNotAllowed();
  const options = deleteOptions(call);
  const storage = parts.store.storage(kind);
  const prefix = scopePrefix(call, kind);
  const selects = selectionOf(call, kind);
  const targets = storage
    .keys()
    .filter((key) => key.startsWith(prefix))
    .flatMap((key) => storage.get(key) ?? []);
  const deleted = targets
    .filter((object) => selects?.(object) !== false)
    .map((object) => deleteObject(object, kind, options, parts).object);
  const text = renderList(deleted, { resourceVersion: String(parts.store.revision) }, rendering);
  return { type: 'text', status: 200, contentType: 'application/json', text };
};
