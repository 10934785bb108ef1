import { type Actor, targetOf } from '../actor.ts';
import { type KubeObject, namespaceOf } from '../object/kube-object.ts';
import { groupOf, storageKey } from '../store/kind.ts';
import type { Store } from '../store/store.ts';
import { type Controller, type ControllerWorld, controllerIdentity } from './controller.ts';
import { OwnerIndex } from './owner-index.ts';

const ownFinalizers = ['orphan', 'foregroundDeletion'];

/** Keys carry the storage, so that one controller serves every kind. */
const keyOf = (resource: string, object: KubeObject): string =>
  `${resource}|${namespaceOf(object)}|${object.metadata.name}`;

const find = (store: Store, key: string): KubeObject | undefined => {
  const [resource = '', namespace = '', name = ''] = key.split('|');
  return store.get(resource, namespace, name);
};

const waits = (object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined &&
  object.metadata.finalizers?.some((name) => ownFinalizers.includes(name)) === true;

/** Deletes what has no owner left; for owners that orphan or wait for their dependents, does that first. */
export const garbageCollector = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('generic-garbage-collector'));
  const index = new OwnerIndex();
  const ownKey = (object: KubeObject): string => {
    const kind = store.kinds.byKind(groupOf(object.apiVersion), object.kind);
    return keyOf(kind === undefined ? '' : storageKey(kind), object);
  };
  /** Keys of owners that wait for this dependent to go. */
  const ownerKeys = (dependent: KubeObject): string[] =>
    (dependent.metadata.ownerReferences ?? []).flatMap((owner) => {
      const kind = store.kinds.byKind(groupOf(owner.apiVersion), owner.kind);
      if (kind === undefined) return [];
      return [`${storageKey(kind)}|${kind.namespaced ? namespaceOf(dependent) : ''}|${owner.name}`];
    });
  return {
    name: 'generic-garbage-collector',
    concerns: (commit) => {
      const { kind, change } = commit;
      index.follow(commit);
      if (change.type === 'DELETED') {
        return [...index.dependents(change.object.metadata.uid).map(ownKey), ...ownerKeys(change.object)];
      }
      return waits(change.object) || change.object.metadata.ownerReferences !== undefined
        ? [keyOf(storageKey(kind), change.object)]
        : [];
    },
    reconcile: (key) => {
      const object = find(store, key);
      if (object === undefined) return;
      if (waits(object)) return finishOwner(me, object, index);
      const owners = object.metadata.ownerReferences ?? [];
      const isAbandoned = owners.length > 0 && owners.every((owner) => !index.exists(owner.uid));
      if (!isAbandoned || object.metadata.deletionTimestamp !== undefined) return;
      me.delete(targetOf(object), { preconditions: { uid: object.metadata.uid }, propagationPolicy: 'Background' });
    },
  };
};

/** What an owner that is being deleted waits for: its dependents let go, or gone. */
const finishOwner = (me: Actor, owner: KubeObject, index: OwnerIndex): void => {
  const { uid, finalizers = [] } = owner.metadata;
  const dependents = index.dependents(uid);
  if (finalizers.includes('orphan')) {
    for (const dependent of dependents) orphan(me, dependent, uid);
  } else {
    const blocking = dependents.filter((dependent) =>
      dependent.metadata.ownerReferences?.some(
        (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
      ),
    );
    for (const dependent of blocking) {
      if (dependent.metadata.deletionTimestamp === undefined)
        me.delete(targetOf(dependent), { propagationPolicy: 'Foreground' });
    }
    if (blocking.length > 0) return;
  }
  const rest = finalizers.filter((name) => !ownFinalizers.includes(name));
  me.patch(targetOf(owner), 'merge', { metadata: { finalizers: rest.length === 0 ? null : rest } });
};

const orphan = (me: Actor, dependent: KubeObject, uid: string): void => {
  const rest = (dependent.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
  me.patch(targetOf(dependent), 'merge', { metadata: { ownerReferences: rest.length === 0 ? null : rest } });
};
