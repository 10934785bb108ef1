import { type JsonObject, objectAt, objectsAt, sameJson, stringAt } from '../object/json.ts';
import { type KubeObject, labelsOf, ownerReference } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity, splitKey } from './controller.ts';
import { isReady } from './pod-owner-controllers.ts';

const selects = (service: KubeObject, pod: KubeObject): boolean => {
  const selector = Object.entries(objectAt(objectAt(service, 'spec'), 'selector'));
  const labels = labelsOf(pod.metadata.labels);
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
};

const ports = (service: KubeObject): JsonObject[] =>
  objectsAt(objectAt(service, 'spec'), 'ports').map((port) => ({
    name: stringAt(port, 'name'),
    port: typeof port['targetPort'] === 'number' ? port['targetPort'] : (port['port'] ?? 0),
    protocol: stringAt(port, 'protocol') || 'TCP',
  }));

const endpointOf = (pod: KubeObject): JsonObject => {
  const ready = isReady(pod);
  return {
    addresses: [stringAt(objectAt(pod, 'status'), 'podIP')],
    conditions: { ready, serving: ready, terminating: pod.metadata.deletionTimestamp !== undefined },
    nodeName: stringAt(objectAt(pod, 'spec'), 'nodeName'),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, uid: pod.metadata.uid },
  };
};

/** Every Service with a selector has one EndpointSlice of the pods it selects. */
export const endpointController = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor(controllerIdentity('endpointslice-controller'));
  return {
    name: 'endpointslice-controller',
    concerns: ({ kind, change }) => {
      const resource = storageKey(kind);
      if (resource === 'services') return change.type === 'DELETED' ? [] : [change.key];
      if (resource !== 'pods') return [];
      const namespace = change.object.metadata.namespace ?? '';
      return store
        .list('services', namespace)
        .filter((service) => selects(service, change.object))
        .map((service) => `${namespace}/${service.metadata.name}`);
    },
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const service = store.get('services', namespace, name);
      if (service === undefined || Object.keys(objectAt(objectAt(service, 'spec'), 'selector')).length === 0) return;
      const pods = store
        .list('pods', namespace)
        .filter((pod) => selects(service, pod) && stringAt(objectAt(pod, 'status'), 'podIP') !== '');
      const slice = store
        .list('endpointslices.discovery.k8s.io', namespace)
        .find((item) => item.metadata.labels?.['kubernetes.io/service-name'] === name);
      const endpoints = pods.map(endpointOf);
      if (slice === undefined) {
        me.create({
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: {
            generateName: `${name}-`,
            namespace,
            labels: {
              'kubernetes.io/service-name': name,
              'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
            },
            ownerReferences: [ownerReference(service)],
          },
          addressType: 'IPv4',
          endpoints,
          ports: ports(service),
        });
      } else if (!sameJson(slice['endpoints'], endpoints)) me.update({ ...slice, endpoints, ports: ports(service) });
    },
  };
};
