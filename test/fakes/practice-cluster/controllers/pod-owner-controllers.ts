import type { Actor } from '../actor.ts';
import { type JsonObject, numberAt, objectAt, objectsAt, sameJson, stringAt, textOf } from '../object/json.ts';
import { controllerOf, type KubeObject, ownerReference } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity, splitKey } from './controller.ts';
import { templateHash } from './deployment-controller.ts';

export const podsOf = (world: ControllerWorld, owner: KubeObject): KubeObject[] =>
  world.store.list('pods', owner.metadata.namespace).filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);

export const isReady = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  objectsAt(objectAt(pod, 'status'), 'conditions').some(
    (item) => stringAt(item, 'type') === 'Ready' && stringAt(item, 'status') === 'True',
  );

/** A pod of the owner's template; `name` is for owners that number their pods. */
export const podFor = (
  owner: KubeObject,
  extra: { name?: string; labels?: JsonObject; spec?: JsonObject } = {},
): JsonObject => {
  const template = objectAt(objectAt(owner, 'spec'), 'template');
  const metadata = objectAt(template, 'metadata');
  const naming = extra.name === undefined ? { generateName: `${owner.metadata.name}-` } : { name: extra.name };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...naming,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...objectAt(metadata, 'labels'), ...extra.labels },
      ...(metadata['annotations'] === undefined ? {} : { annotations: metadata['annotations'] }),
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...objectAt(template, 'spec'), ...extra.spec },
  };
};

export const deletePod = (me: Actor, pod: KubeObject): void =>
  me.delete({ apiVersion: 'v1', kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name });

type OwnerKind = {
  readonly controller: string;
  readonly resource: string;
  readonly kind: string;
  readonly reconcile: (me: Actor, owner: KubeObject, pods: readonly KubeObject[]) => void;
  readonly status: (owner: KubeObject, pods: readonly KubeObject[]) => JsonObject;
};

const replicasOf = (owner: KubeObject): number => numberAt(objectAt(owner, 'spec'), 'replicas') ?? 1;

const counted = (pods: readonly KubeObject[]): JsonObject => {
  const ready = pods.filter(isReady).length;
  return { replicas: pods.length, ...(ready === 0 ? {} : { readyReplicas: ready, availableReplicas: ready }) };
};

const replicaSets: OwnerKind = {
  controller: 'replicaset-controller',
  resource: 'replicasets.apps',
  kind: 'ReplicaSet',
  reconcile: (me, owner, pods) => {
    for (let missing = replicasOf(owner) - pods.length; missing > 0; missing -= 1) me.create(podFor(owner));
    for (const pod of pods.slice(replicasOf(owner))) deletePod(me, pod);
  },
  status: (owner, pods) => ({
    ...counted(pods),
    fullyLabeledReplicas: pods.length,
    observedGeneration: owner.metadata.generation ?? 1,
  }),
};

const hashLabel = 'controller-revision-hash';
const isCurrent = (owner: KubeObject, pod: KubeObject): boolean =>
  pod.metadata.labels?.[hashLabel] === templateHash(objectAt(objectAt(owner, 'spec'), 'template'));

const statefulSets: OwnerKind = {
  controller: 'statefulset-controller',
  resource: 'statefulsets.apps',
  kind: 'StatefulSet',
  reconcile: (me, owner, pods) => {
    const labels = { [hashLabel]: templateHash(objectAt(objectAt(owner, 'spec'), 'template')) };
    const wanted = Array.from({ length: replicasOf(owner) }, (_, index) => `${owner.metadata.name}-${index}`);
    for (const pod of pods) if (!wanted.includes(pod.metadata.name) || !isCurrent(owner, pod)) deletePod(me, pod);
    const free = wanted.find((name) => !pods.some((pod) => pod.metadata.name === name));
    if (free !== undefined && pods.every(isReady)) {
      me.create(
        podFor(owner, {
          name: free,
          labels: { ...labels, 'statefulset.kubernetes.io/pod-name': free },
          spec: { hostname: free },
        }),
      );
    }
  },
  status: (owner, pods) => ({
    ...counted(pods),
    currentReplicas: pods.length,
    updatedReplicas: pods.filter((pod) => isCurrent(owner, pod)).length,
    collisionCount: 0,
    observedGeneration: owner.metadata.generation ?? 1,
  }),
};

const nodeAffinity = (node: string): JsonObject => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
    },
  },
});

/** The node that a daemon's pod is meant for. */
export const affinityNode = (pod: KubeObject): string => {
  const required = objectAt(
    objectAt(objectAt(objectAt(pod, 'spec'), 'affinity'), 'nodeAffinity'),
    'requiredDuringSchedulingIgnoredDuringExecution',
  );
  const [field] = objectsAt(objectsAt(required, 'nodeSelectorTerms')[0], 'matchFields');
  const values = field?.['values'];
  return Array.isArray(values) ? textOf(values[0]) : '';
};

const daemonSets = (nodes: () => readonly string[]): OwnerKind => ({
  controller: 'daemon-set-controller',
  resource: 'daemonsets.apps',
  kind: 'DaemonSet',
  reconcile: (me, owner, pods) => {
    const labels = { [hashLabel]: templateHash(objectAt(objectAt(owner, 'spec'), 'template')) };
    for (const pod of pods) if (!isCurrent(owner, pod)) deletePod(me, pod);
    for (const node of nodes()) {
      if (!pods.some((pod) => affinityNode(pod) === node))
        me.create(podFor(owner, { labels, spec: { affinity: nodeAffinity(node) } }));
    }
  },
  status: (owner, pods) => ({
    currentNumberScheduled: pods.length,
    desiredNumberScheduled: nodes().length,
    numberMisscheduled: 0,
    numberReady: pods.filter(isReady).length,
    numberAvailable: pods.filter(isReady).length,
    updatedNumberScheduled: pods.filter((pod) => isCurrent(owner, pod)).length,
    observedGeneration: owner.metadata.generation ?? 1,
  }),
});

/** The controllers that keep as many pods as their objects ask for. */
export const podOwnerControllers = (world: ControllerWorld): readonly Controller[] => {
  const nodes = () => world.store.list('nodes').map((node) => node.metadata.name);
  return [replicaSets, statefulSets, daemonSets(nodes)].map((owner) => ownerController(world, owner));
};

const ownerController = (world: ControllerWorld, owner: OwnerKind): Controller => {
  const me = world.actor(controllerIdentity(owner.controller));
  return {
    name: owner.controller,
    concerns: ({ kind, change }) => {
      const resource = storageKey(kind);
      if (resource === owner.resource) return change.type === 'DELETED' ? [] : [change.key];
      const reference = resource === 'pods' ? controllerOf(change.object) : undefined;
      return reference?.kind === owner.kind ? [`${change.object.metadata.namespace ?? ''}/${reference.name}`] : [];
    },
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const object = world.store.get(owner.resource, namespace, name);
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
      const alive = () => podsOf(world, object).filter((pod) => pod.metadata.deletionTimestamp === undefined);
      owner.reconcile(me, object, alive());
      const status = owner.status(object, alive());
      if (sameJson(status, objectAt(object, 'status'))) return;
      const { resourceVersion: _resourceVersion, ...metadata } = object.metadata;
      me.update({ ...object, metadata, status } as unknown as KubeObject, 'status');
    },
  };
};
