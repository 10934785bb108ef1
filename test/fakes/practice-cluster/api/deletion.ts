import { type Clock, secondsText } from '../clock.ts';
import { arrayAt, type JsonObject, objectAt, stringAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { conflict, forbidden } from '../status-error.ts';
import type { Kind } from '../store/kind.ts';
import type { DeleteOptions } from './body.ts';
import { objectReply, type Reply } from './request.ts';
import type { Writer } from './writer.ts';

const protectedNamespaces = new Set(['default', 'kube-system', 'kube-public']);

export type Deletion = { readonly object: KubeObject; readonly isGone: boolean };

/** Deletes an object, or marks it where finalizers, a grace period or its kind want that first. */
export const deleteObject = (
  object: KubeObject,
  kind: Kind,
  options: DeleteOptions,
  by: { writer: Writer; clock: Clock },
): Deletion => {
  checkPreconditions(object, kind, options);
  const isNamespace = kind.resource === 'namespaces' && kind.group === '';
  if (isNamespace && protectedNamespaces.has(object.metadata.name)) {
    throw forbidden(
      { group: '', resource: 'namespaces', name: object.metadata.name },
      'this namespace may not be deleted',
    );
  }
  const finalizers = finalizersFor(object, options.propagation);
  const graceSeconds = graceOf(object, kind, options);
  const hasContent = isNamespace && arrayAt(objectAt(object, 'spec'), 'finalizers').length > 0;
  if (finalizers.length === 0 && graceSeconds === 0 && !hasContent) {
    return { object: options.isDryRun ? object : by.writer.remove(kind, object), isGone: true };
  }
  const deadline = secondsText(by.clock.now() + graceSeconds * 1000);
  const isShorter = graceSeconds < Number(object.metadata['deletionGracePeriodSeconds'] ?? Number.POSITIVE_INFINITY);
  if (object.metadata.deletionTimestamp !== undefined && !isShorter) return { object, isGone: false };
  const { finalizers: _finalizers, generation, ...metadata } = object.metadata;
  const marked = {
    ...object,
    metadata: {
      ...metadata,
      ...(generation === undefined ? {} : { generation: generation + 1 }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
      deletionTimestamp: deadline,
      deletionGracePeriodSeconds: graceSeconds,
    },
    ...(isNamespace ? { status: { ...objectAt(object, 'status'), phase: 'Terminating' } } : {}),
  } as KubeObject;
  return { object: options.isDryRun ? marked : by.writer.mark(kind, marked), isGone: false };
};

const checkPreconditions = (object: KubeObject, kind: Kind, options: DeleteOptions): void => {
  const name = { group: kind.group, resource: kind.kind, name: object.metadata.name };
  const { uid, resourceVersion } = object.metadata;
  if (options.uid !== '' && options.uid !== uid) {
    throw conflict(
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== '' && options.resourceVersion !== resourceVersion) {
    throw conflict(
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
};

const finalizersFor = (object: KubeObject, propagation: string): string[] => {
  const rest = (object.metadata.finalizers ?? []).filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
  if (propagation === 'Orphan') return [...rest, 'orphan'];
  return propagation === 'Foreground' ? [...rest, 'foregroundDeletion'] : (object.metadata.finalizers ?? []);
};

/** Only pods that a node runs are given time. */
const graceOf = (object: KubeObject, kind: Kind, options: DeleteOptions): number => {
  if (kind.resource !== 'pods' || kind.group !== '') return 0;
  const spec = objectAt(object, 'spec');
  if (stringAt(spec, 'nodeName') === '') return 0;
  const phase = stringAt(objectAt(object, 'status'), 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return 0;
  return options.graceSeconds ?? Number(spec['terminationGracePeriodSeconds'] ?? 30);
};

const answersObject = new Set([
  'pods',
  'serviceaccounts',
  'services',
  'podtemplates',
  'persistentvolumes',
  'persistentvolumeclaims',
  'resourcequotas',
  'namespaces',
]);

export const deletionReply = (deletion: Deletion, kind: Kind, shown: JsonObject): Reply => {
  const answersWhole =
    kind.group === '' && answersObject.has(kind.resource) && (kind.resource !== 'namespaces' || !deletion.isGone);
  if (!deletion.isGone || answersWhole) return objectReply(shown);
  const { name, uid } = deletion.object.metadata;
  const details: JsonObject = { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.resource, uid };
  return objectReply({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
};
