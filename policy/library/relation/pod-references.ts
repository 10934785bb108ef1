/** Which Secrets and claims pods use, by name, with the facts that tell who uses one. */
import {
  everyItem,
  type Fact,
  type GroupKind,
  hasPodBearingController,
  listAt,
  type ObjectKey,
  podBearingKinds,
  podParentOf,
  podTemplateOf,
  type ReadPath,
  shape,
  stringAt,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';

type Target = 'Secret' | 'PersistentVolumeClaim';

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** Sorted, each once. */
export function secretsOf(spec: JsonObject): readonly string[] {
  const names: string[] = [];
  for (const list of containerLists) {
    for (const container of listAt(spec, list)) {
      for (const env of listAt(container, 'env')) names.push(stringAt(env, 'valueFrom', 'secretKeyRef', 'name'));
      for (const from of listAt(container, 'envFrom')) names.push(stringAt(from, 'secretRef', 'name'));
    }
  }
  for (const volume of listAt(spec, 'volumes')) names.push(...volumeSecrets(volume));
  for (const secret of listAt(spec, 'imagePullSecrets')) names.push(stringAt(secret, 'name'));
  return distinct(names);
}

function volumeSecrets(volume: Json): readonly string[] {
  const projected = listAt(volume, 'projected', 'sources').map((source) => stringAt(source, 'secret', 'name'));
  return [
    stringAt(volume, 'secret', 'secretName'),
    stringAt(volume, 'csi', 'nodePublishSecretRef', 'name'),
    ...projected,
  ];
}

function claimsOf(spec: JsonObject): readonly string[] {
  return distinct(listAt(spec, 'volumes').map((one) => stringAt(one, 'persistentVolumeClaim', 'claimName')));
}

function distinct(names: readonly string[]): readonly string[] {
  const named = names.filter((name) => name !== '');
  return named.length < 2 ? named : [...new Set(named)].sort();
}

/** Where the pod's spec is in an object of a pod-bearing kind. */
export function podSpecPath(kind: GroupKind): ReadPath {
  return [...(podParentOf(kind) ?? []), 'spec'];
}

/** Whether there is a pod, and whether another workload controls the object. */
export function podReads(kind: GroupKind): readonly ReadPath[] {
  return [
    ['metadata', 'ownerReferences'],
    [...podSpecPath(kind), shape],
  ];
}

/** One for each kind that bears pods; a pod that a workload controls is counted as that workload. */
function usersOf(
  target: Target,
  {
    reads,
    namesOf,
  }: { readonly reads: readonly ReadPath[]; readonly namesOf: (spec: JsonObject) => readonly string[] },
): readonly Fact<readonly string[]>[] {
  return podBearingKinds.map((kind) => ({
    name: `${kind.kind}-uses-${target}`,
    ...kind,
    reads: [...podReads(kind), ...reads.map((path) => [...podSpecPath(kind), ...path])],
    project(object) {
      const pod = hasPodBearingController(object) ? undefined : podTemplateOf(object, kind);
      const names = pod === undefined ? [] : namesOf(pod.spec);
      return names.length === 0 ? undefined : names;
    },
    keys: (names, { namespace }) => names.map((name) => `${namespace}/${name}`),
  }));
}

const secretReads: readonly ReadPath[] = [
  ...containerLists.flatMap((list): readonly ReadPath[] => [
    [list, everyItem, 'env', everyItem, 'valueFrom'],
    [list, everyItem, 'envFrom'],
  ]),
  ['volumes'],
  ['imagePullSecrets'],
];

const secretUsers = usersOf('Secret', { reads: secretReads, namesOf: secretsOf });
const claimUsers = usersOf('PersistentVolumeClaim', { reads: [['volumes']], namesOf: claimsOf });

/** Workloads that use the Secret, and pods that no workload controls. */
export function usersOfSecret({ namespace, name }: ObjectKey, view: TrackedView): readonly ObjectKey[] {
  return secretUsers.flatMap((fact) => view.lookup(fact, `${namespace}/${name}`)).map(({ key }) => key);
}

/** Claims by name; those of StatefulSets are asked for by {@link statefulClaims}. */
export function isClaimUsed({ namespace, name }: ObjectKey, view: TrackedView): boolean {
  if (claimUsers.some((fact) => view.lookup(fact, `${namespace}/${name}`).length > 0)) return true;
  const key = `${namespace}/${name.replace(/-\d+$/, '')}`;
  return view.lookup(statefulClaims, key).length > 0;
}

/** `<template>-<StatefulSet>`: a claim has the number of its replica behind that. */
const statefulClaims: Fact<readonly string[]> = {
  name: 'stateful-set-claims',
  group: 'apps',
  kind: 'StatefulSet',
  reads: [
    ['metadata', 'name'],
    ['spec', 'volumeClaimTemplates'],
  ],
  project(set) {
    const names = listAt(set, 'spec', 'volumeClaimTemplates').map((one) => stringAt(valueAt(one, 'metadata'), 'name'));
    const own = stringAt(set, 'metadata', 'name');
    return names.length === 0 ? undefined : names.map((name) => `${name}-${own}`);
  },
  keys: (names, { namespace }) => names.map((name) => `${namespace}/${name}`),
};
