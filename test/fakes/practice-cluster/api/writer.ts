import { randomUUID } from 'node:crypto';
import { type Clock, secondsText } from '../clock.ts';
import { emptySet } from '../object/field-set.ts';
import { arrayAt, isObject, type JsonObject, objectAt, sameJson, stringAt, without } from '../object/json.ts';
import type { KubeObject, ManagedFieldsEntry } from '../object/kube-object.ts';
import { type FieldManager, trackApply, trackUpdate } from '../object/managed-fields.ts';
import type { Applied } from '../object/server-side-apply.ts';
import { alreadyExists, badRequest, conflict, notFound } from '../status-error.ts';
import { hasGeneration, type Kind } from '../store/kind.ts';
import { objectKey, type Store } from '../store/store.ts';
import { admitCreate, admitNamespace, normalised, randomSuffix } from './admission.ts';
import type { Call } from './request.ts';
import { keptAllocations } from './service-allocation.ts';
import { validate, validateUpdate } from './validation.ts';

/** An object on its way into the store, and how it is meant. */
export type Write = {
  readonly call: Call;
  readonly kind: Kind;
  readonly manager: FieldManager;
  readonly isDryRun: boolean;
  /** Set for a server-side apply: the configuration that was applied and what it took from others. */
  readonly applied?: { readonly config: JsonObject; readonly result: Applied };
};

/** Stores creates, updates and deletes with all the bookkeeping that the API server does around them. */
export class Writer {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  writeOf(call: Call, kind: Kind, operation: 'Apply' | 'Update' = 'Update'): Write {
    const { query, request, attributes } = call;
    const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? '';
    return {
      call,
      kind,
      manager: {
        name: (query.get('fieldManager') || agent).slice(0, 128),
        operation,
        subresource: attributes.subresource,
        time: secondsText(this.#clock.now()),
      },
      isDryRun: query.getAll('dryRun').includes('All'),
    };
  }

  /** The stored object a call names; throws 404. */
  existing(call: Call, kind: Kind): KubeObject {
    const found = this.#find(call, kind);
    if (found === undefined) throw notFound({ group: kind.group, resource: kind.resource, name: call.attributes.name });
    return found;
  }

  #find(call: Call, kind: Kind): KubeObject | undefined {
    return this.#store
      .storage(kind)
      .get(objectKey(kind.namespaced ? call.attributes.namespace : '', call.attributes.name));
  }

  create(write: Write, given: JsonObject): KubeObject {
    const { kind, call } = write;
    const namespace = kind.namespaced ? call.attributes.namespace : '';
    const metadata = this.#newMetadata(write, objectAt(given, 'metadata'), namespace);
    const stripped = kind.subresources.includes('status') ? without(given, 'status') : given;
    if (namespace !== '') this.#checkNamespace(kind, namespace, metadata.name);
    const shaped = normalised({ ...stripped, metadata }, kind, call.attributes.version);
    validate(shaped, kind, call.attributes.version);
    const object = admitCreate(shaped, kind, this.#store) as KubeObject;
    const key = objectKey(namespace, metadata.name);
    if (this.#store.storage(kind).get(key) !== undefined) throw alreadyExists({ ...kind, name: metadata.name });
    // Nobody owns what the server gives an object on its way in.
    const managers = this.#managers(write, undefined, shaped as KubeObject);
    return this.#save(write, key, withManagers(object, managers));
  }

  #newMetadata(write: Write, given: JsonObject, namespace: string): KubeObject['metadata'] {
    const stated = stringAt(given, 'namespace');
    if (stated !== '' && stated !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    if (stringAt(given, 'resourceVersion') !== '')
      throw badRequest('resourceVersion should not be set on objects to be created');
    const prefix = stringAt(given, 'generateName');
    const name = stringAt(given, 'name') || (prefix === '' ? '' : `${prefix.slice(0, 58)}${randomSuffix()}`);
    const kept = without(
      given,
      'selfLink',
      'managedFields',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'generation',
      'resourceVersion',
    );
    return {
      ...kept,
      name,
      ...(namespace === '' ? {} : { namespace }),
      uid: randomUUID(),
      resourceVersion: '',
      ...(hasGeneration(write.kind) ? { generation: 1 } : {}),
      creationTimestamp: secondsText(this.#clock.now()),
    };
  }

  #checkNamespace(kind: Kind, namespace: string, name: string): void {
    if (this.#store.get('namespaces', '', namespace) === undefined)
      throw notFound({ group: '', resource: 'namespaces', name: namespace });
    admitNamespace(this.#store, kind, namespace, name);
  }

  /** Replaces an object. Status belongs to its subresource where there is one, everything else to the object itself. */
  update(write: Write, before: KubeObject, given: JsonObject): KubeObject {
    const { kind, call } = write;
    const metadata = objectAt(given, 'metadata');
    const name = { ...kind, name: before.metadata.name };
    if (stringAt(metadata, 'name') !== '' && stringAt(metadata, 'name') !== before.metadata.name) {
      throw badRequest(
        `the name of the object (${stringAt(metadata, 'name')}) does not match the name on the URL (${before.metadata.name})`,
      );
    }
    const version = stringAt(metadata, 'resourceVersion');
    if (version !== '' && version !== before.metadata.resourceVersion) throw conflict(name);
    const uid = stringAt(metadata, 'uid');
    if (uid !== '' && uid !== before.metadata.uid) {
      throw conflict(
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`,
      );
    }
    const changed =
      call.attributes.subresource === 'status' ? withStatus(before, given, kind) : this.#replaced(write, before, given);
    validate(changed, kind, call.attributes.version);
    if (call.attributes.subresource === '') validateUpdate(before, changed, kind);
    return this.#settle(write, before, changed, given);
  }

  #replaced(write: Write, before: KubeObject, given: JsonObject): JsonObject {
    const { kind, call } = write;
    const metadata: JsonObject = { ...objectAt(given, 'metadata') };
    for (const key of [
      'name',
      'namespace',
      'uid',
      'creationTimestamp',
      'generation',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'resourceVersion',
      'managedFields',
      'generateName',
    ]) {
      const value = before.metadata[key];
      if (value === undefined) delete metadata[key];
      else metadata[key] = value;
    }
    for (const key of ['labels', 'annotations', 'finalizers', 'ownerReferences']) {
      if (Object.keys(metadata[key] ?? {}).length === 0) delete metadata[key];
    }
    const shaped = { ...normalised({ ...given, metadata }, kind, call.attributes.version) };
    if (kind.subresources.includes('status')) {
      delete shaped['status'];
      if (before['status'] !== undefined) shaped['status'] = before['status'];
    }
    if (kind.resource === 'services' && kind.group === '') shaped['spec'] = keptAllocations(before, shaped);
    return shaped;
  }

  /** Stores what an update came to, unless it changed nothing; the last finalizer's removal deletes the object. */
  #settle(write: Write, before: KubeObject, changed: JsonObject, given: JsonObject): KubeObject {
    const generation = before.metadata.generation;
    // A Deployment's annotations count as its specification.
    const annotated = write.kind.resource === 'deployments' && write.call.attributes.subresource === '';
    const isAnnotationChange =
      annotated && !sameJson(before.metadata.annotations, objectAt(changed, 'metadata')['annotations']);
    const bumps = generation !== undefined && (isAnnotationChange || !sameJson(body(before), body(changed)));
    const after = {
      ...changed,
      metadata: { ...objectAt(changed, 'metadata'), ...(bumps ? { generation: generation + 1 } : {}) },
    } as KubeObject;
    const managers = this.#managers(write, withGivenManagers(before, given), after);
    const next = withManagers(after, managers);
    const key = objectKey(before.metadata.namespace ?? '', before.metadata.name);
    const isDone = next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    const isFinal =
      isDone &&
      (before.metadata.finalizers ?? []).length > 0 &&
      (next.metadata['deletionGracePeriodSeconds'] ?? 0) === 0;
    if (isFinal && !hasNamespaceFinalizers(next)) return write.isDryRun ? next : this.remove(write.kind, next);
    if (sameJson(before, next)) return before;
    return this.#save(write, key, next);
  }

  #managers(write: Write, before: KubeObject | undefined, after: KubeObject): ManagedFieldsEntry[] {
    const custom = write.kind.custom !== undefined;
    if (write.applied === undefined) return trackUpdate(before, after, write.manager, custom);
    const taken = before === undefined ? emptySet() : write.applied.result.taken;
    return trackApply(before, write.applied.config, taken, {
      manager: write.manager,
      apiVersion: after.apiVersion,
      custom,
    });
  }

  #save(write: Write, key: string, next: KubeObject): KubeObject {
    return write.isDryRun ? next : this.#store.commit(write.kind, key, next);
  }

  /** Stores an object as it is: for deletion marks and other writes of the server itself. */
  mark(kind: Kind, object: KubeObject): KubeObject {
    return this.#store.commit(kind, objectKey(object.metadata.namespace ?? '', object.metadata.name), object);
  }

  /** Takes an object out of the store and answers its last state. */
  remove(kind: Kind, last: KubeObject): KubeObject {
    const key = objectKey(last.metadata.namespace ?? '', last.metadata.name);
    return this.#store.commit(kind, key, undefined);
  }
}

/** Clients may hand fields from one manager to another; an empty list, or one empty entry, forgets them all. */
const withGivenManagers = (before: KubeObject, given: JsonObject): KubeObject => {
  const entries = objectAt(given, 'metadata')['managedFields'];
  if (!Array.isArray(entries)) return before;
  const complete = entries.filter(
    (entry): entry is ManagedFieldsEntry =>
      isObject(entry) && typeof entry['manager'] === 'string' && isObject(entry['fieldsV1']),
  );
  return withManagers(before, complete);
};

const body = (object: JsonObject): JsonObject => without(object, 'metadata', 'status');

/** The status subresource writes the status only; for Deployments their annotations too (the rollout's revision). */
const withStatus = (before: KubeObject, given: JsonObject, kind: Kind): JsonObject => {
  const annotations = objectAt(given, 'metadata')['annotations'];
  const takesAnnotations = kind.resource === 'deployments' && kind.group === 'apps' && annotations !== undefined;
  const metadata = takesAnnotations ? { ...before.metadata, annotations } : before.metadata;
  return { ...before, metadata, status: given['status'] ?? {} };
};

const hasNamespaceFinalizers = (object: KubeObject): boolean =>
  object.kind === 'Namespace' && arrayAt(objectAt(object, 'spec'), 'finalizers').length > 0;

const withManagers = (object: KubeObject, entries: ManagedFieldsEntry[]): KubeObject => ({
  ...object,
  metadata:
    entries.length === 0
      ? (without(object.metadata, 'managedFields') as KubeObject['metadata'])
      : { ...object.metadata, managedFields: entries },
});
