import type { KubeObject } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity } from './controller.ts';

const namespaceOfChange = (
  commit: Parameters<Controller['concerns']>[0],
  resource: string,
  name: string,
): readonly string[] => {
  const { kind, change } = commit;
  if (storageKey(kind) === 'namespaces') return [change.object.metadata.name];
  const isMine = storageKey(kind) === resource && change.object.metadata.name === name && change.type === 'DELETED';
  return isMine ? [change.object.metadata.namespace ?? ''] : [];
};

const isActive = (namespace: KubeObject | undefined): boolean =>
  namespace !== undefined && namespace.metadata.deletionTimestamp === undefined;

/** Every namespace has a service account `default`. */
export const serviceAccountController = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('service-account-controller'));
  return {
    name: 'service-account-controller',
    concerns: (commit) => namespaceOfChange(commit, 'serviceaccounts', 'default'),
    reconcile: (namespace) => {
      if (
        !isActive(store.get('namespaces', '', namespace)) ||
        store.get('serviceaccounts', namespace, 'default') !== undefined
      )
        return;
      me.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
    },
  };
};

const authority = '-----BEGIN CERTIFICATE-----\npractice-cluster-has-no-authority\n-----END CERTIFICATE-----\n';

/** Every namespace has the cluster's certificate authority in a ConfigMap. */
export const rootCaPublisher = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('root-ca-cert-publisher'));
  const name = 'kube-root-ca.crt';
  return {
    name: 'root-ca-cert-publisher',
    concerns: (commit) => namespaceOfChange(commit, 'configmaps', name),
    reconcile: (namespace) => {
      if (!isActive(store.get('namespaces', '', namespace)) || store.get('configmaps', namespace, name) !== undefined)
        return;
      me.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { 'ca.crt': authority } });
    },
  };
};
