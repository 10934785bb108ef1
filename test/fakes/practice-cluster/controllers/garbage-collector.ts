import { type Target, targetOf } from '../actor.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity } from './controller.ts';

const ownFinalizers = ['orphan', 'foregroundDeletion'];

/** Deletes what has no owner left; for owners that orphan or wait for their dependents, does that first. */
export const garbageCollector = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('generic-garbage-collector'));
  const dependents = (uid: string): KubeObject[] => {
    const found: KubeObject[] = [];
    for (const { object } of store.entries()) {
      if (object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) found.push(object);
    }
    return found;
  };
  const orphan = (dependent: KubeObject, uid: string): void => {
    const ownerReferences = (dependent.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
    me.patch(targetOf(dependent), 'merge', {
      metadata: { ownerReferences: ownerReferences.length === 0 ? null : ownerReferences },
    });
  };
  const finish = (owner: KubeObject): void => {
    const finalizers = (owner.metadata.finalizers ?? []).filter((name) => !ownFinalizers.includes(name));
    me.patch(targetOf(owner), 'merge', { metadata: { finalizers: finalizers.length === 0 ? null : finalizers } });
  };
  /** Keys carry the storage, so that one controller serves every kind. */
  const find = (key: string): KubeObject | undefined => {
    const [resource = '', namespace = '', name = ''] = key.split('|');
    return store.get(resource, namespace, name);
  };
  const keyOf = (resource: string, object: KubeObject) =>
    `${resource}|${object.metadata.namespace ?? ''}|${object.metadata.name}`;
  return {
    name: 'generic-garbage-collector',
    concerns: ({ kind, change }) => {
      const { metadata } = change.object;
      if (change.type === 'DELETED')
        return dependents(metadata.uid)
          .concat(waitingOwners(store.entries(), change.object))
          .map((object) => keyOf(resourceOf(object), object));
      const waits =
        metadata.deletionTimestamp !== undefined &&
        metadata.finalizers?.some((name) => ownFinalizers.includes(name)) === true;
      return waits ? [keyOf(storageKey(kind), change.object)] : [];
    },
    reconcile: (key) => {
      const object = find(key);
      if (object === undefined) return;
      const finalizers = object.metadata.deletionTimestamp === undefined ? [] : (object.metadata.finalizers ?? []);
      if (finalizers.includes('orphan')) {
        for (const dependent of dependents(object.metadata.uid)) orphan(dependent, object.metadata.uid);
        return finish(object);
      }
      if (finalizers.includes('foregroundDeletion')) {
        const blocking = dependents(object.metadata.uid).filter(
          (dependent) =>
            dependent.metadata.ownerReferences?.some(
              (owner) => owner.uid === object.metadata.uid && owner.blockOwnerDeletion === true,
            ) === true,
        );
        if (blocking.length === 0) return finish(object);
        for (const dependent of blocking)
          if (dependent.metadata.deletionTimestamp === undefined)
            me.delete(targetOf(dependent), { propagationPolicy: 'Foreground' });
        return;
      }
      const owners = object.metadata.ownerReferences ?? [];
      const isOrphaned = owners.length > 0 && owners.every((owner) => !exists(store.entries(), owner.uid));
      if (isOrphaned && object.metadata.deletionTimestamp === undefined)
        me.delete(targetOf(object), { preconditions: { uid: object.metadata.uid }, propagationPolicy: 'Background' });
    },
  };

  function resourceOf(object: KubeObject): string {
    const target: Target = targetOf(object);
    const kind = store.kinds.byKind(
      target.apiVersion.includes('/') ? (target.apiVersion.split('/')[0] ?? '') : '',
      target.kind,
    );
    return kind === undefined ? '' : storageKey(kind);
  }
};

type Entries = ReturnType<ControllerWorld['store']['entries']>;

const exists = (entries: Entries, uid: string): boolean => {
  for (const { object } of entries) if (object.metadata.uid === uid) return true;
  return false;
};

/** Owners that wait for this dependent to be gone. */
const waitingOwners = (entries: Entries, dependent: KubeObject): KubeObject[] => {
  const uids = new Set(dependent.metadata.ownerReferences?.map((owner) => owner.uid) ?? []);
  if (uids.size === 0) return [];
  return [...entries]
    .map(({ object }) => object)
    .filter((object) => uids.has(object.metadata.uid) && object.metadata.deletionTimestamp !== undefined);
};
