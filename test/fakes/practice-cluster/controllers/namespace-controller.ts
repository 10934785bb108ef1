import { targetOf } from '../actor.ts';
import { arrayAt, objectAt } from '../object/json.ts';
import { definedStorageKey } from '../store/kind-registry.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity, keysOf } from './controller.ts';

/** A namespace that is being deleted loses its content, then its finalizer. */
export const namespaceController = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('namespace-controller'));
  const contentOf = (namespace: string) =>
    store.kinds
      .all()
      .filter((kind) => kind.namespaced)
      .flatMap((kind) => store.list(storageKey(kind), namespace));
  return {
    name: 'namespace-controller',
    concerns: ({ kind, change }) => {
      if (storageKey(kind) === 'namespaces') return [change.object.metadata.name];
      const home = change.type === 'DELETED' ? change.object.metadata.namespace : undefined;
      return home === undefined ? [] : [home];
    },
    reconcile: (name) => {
      const namespace = store.get('namespaces', '', name);
      if (namespace?.metadata.deletionTimestamp === undefined) return;
      for (const object of contentOf(name)) {
        if (object.metadata.deletionTimestamp === undefined) me.delete(targetOf(object));
      }
      if (contentOf(name).length > 0) return;
      const current = store.get('namespaces', '', name);
      if (current === undefined) return;
      const finalizers = arrayAt(objectAt(current, 'spec'), 'finalizers');
      const spec = {
        ...objectAt(current, 'spec'),
        finalizers: finalizers.filter((finalizer) => finalizer !== 'kubernetes'),
      };
      const finalized = finalizers.includes('kubernetes') ? me.update({ ...current, spec }, 'finalize') : current;
      if (arrayAt(objectAt(finalized, 'spec'), 'finalizers').length === 0) me.delete(targetOf(current));
    },
  };
};

/** A CustomResourceDefinition that is being deleted loses its objects, then its finalizer. */
export const definitionController = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor({
    user: 'system:apiserver',
    groups: ['system:masters'],
    userAgent: 'kube-apiserver/v1.36.0 (linux/amd64) kubernetes/practice',
    sourceIp: '127.0.0.1',
  });
  const finalizer = 'customresourcecleanup.apiextensions.k8s.io';
  return {
    name: 'customresource-cleanup',
    concerns: (commit) => {
      if (commit.kind.custom !== undefined && commit.change.type === 'DELETED') {
        return store.list('customresourcedefinitions.apiextensions.k8s.io').map((crd) => crd.metadata.name);
      }
      return keysOf(commit, 'customresourcedefinitions.apiextensions.k8s.io').map((key) => key.slice(1));
    },
    reconcile: (name) => {
      const crd = store.get('customresourcedefinitions.apiextensions.k8s.io', '', name);
      if (crd?.metadata.deletionTimestamp === undefined) return;
      const resource = definedStorageKey(crd);
      for (const object of store.list(resource)) {
        if (object.metadata.deletionTimestamp === undefined) me.delete(targetOf(object));
      }
      if (store.list(resource).length > 0) return;
      const current = store.get('customresourcedefinitions.apiextensions.k8s.io', '', name);
      if (current === undefined) return;
      const finalizers = (current.metadata.finalizers ?? []).filter((item) => item !== finalizer);
      me.update({ ...current, metadata: { ...current.metadata, finalizers } });
    },
  };
};
