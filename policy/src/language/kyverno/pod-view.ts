/**
 * Autogen: a rule about Pods also judges what makes Pods. The pod that a controller would make is judged in its place,
 * and the paths of what is found lead to where it is in the controller.
 */
import type { JsonObject } from '@driftline/proto';
import type { GroupKind, RequestedChange } from '../../contract.ts';
import { type ReadPath, shape } from '../../read-path.ts';
import { isPodBearing, podParentOf, podTemplateOf } from '../pod-template.ts';
import { objectKeyOf, stringAt } from '../read-json.ts';
import type { MatchSection } from './match-section.ts';

const annotation = 'pod-policies.kyverno.io/autogen-controllers';
const controllers = ['DaemonSet', 'Deployment', 'Job', 'StatefulSet', 'ReplicaSet', 'ReplicationController', 'CronJob'];

/** Kinds that a policy's rules about Pods judge besides, as its annotation says: all, none, or a list. */
export function autogenKinds(policy: JsonObject): readonly string[] {
  const text = stringAt(policy, 'metadata', 'annotations', annotation).trim();
  if (text === '' || text === 'all') return controllers;
  if (text === 'none') return [];
  return text.split(',').map((kind) => kind.trim());
}

/** A rule that names objects, or other kinds beside Pod, means just what it says. */
export function isAboutPodsOnly(sections: readonly (MatchSection | undefined)[]): boolean {
  const filters = sections.flatMap((section) => {
    const { any = [], all = [], ...own } = section ?? {};
    return [own, ...any, ...all].flatMap(({ resources }) => (resources === undefined ? [] : [resources]));
  });
  return (
    filters.some(({ kinds }) => kinds !== undefined) &&
    filters.every(
      ({ kinds = [], name, names, selector, annotations }) =>
        kinds.every((kind) => kind === 'Pod' || kind === 'v1/Pod') &&
        name === undefined &&
        names === undefined &&
        selector === undefined &&
        annotations === undefined,
    )
  );
}

export type PodView = {
  readonly pod: JsonObject;
  /** From a field path of the pod to the one of the object. */
  readonly place: (path: string) => string;
};

/** Undefined when there is no pod in the object. */
export function podViewOf(object: JsonObject, kind: GroupKind): PodView | undefined {
  if (!isPodBearing(kind)) return undefined;
  const template = podTemplateOf(object, kind);
  if (template === undefined) return undefined;
  const metadata = { ...template.meta, namespace: stringAt(object, 'metadata', 'namespace') };
  return {
    pod: { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec },
    place(path) {
      if (path === 'spec' || path.startsWith('spec.')) return `${template.specPath}${path.slice('spec'.length)}`;
      if (path === 'metadata' || path.startsWith('metadata.'))
        return `${template.metaPath}${path.slice('metadata'.length)}`;
      return path;
    },
  };
}

/** What reading the paths of the pod view reads of the object. */
export function readsThroughPod(kind: GroupKind, paths: readonly ReadPath[]): readonly ReadPath[] {
  const parent = podParentOf(kind) ?? [];
  const places: readonly ReadPath[] = ['spec', 'metadata'].map((part): ReadPath => [...parent, part]);
  return [
    ['metadata', 'namespace'],
    ...places.map((place): ReadPath => [...place, shape]),
    ...paths.flatMap((path): readonly ReadPath[] => {
      const [root] = path;
      if (root === 'spec' || root === 'metadata') return [[...parent, ...path]];
      return typeof root === 'string' ? [] : places;
    }),
  ];
}

/** The pods that both forms of a controller would make. */
export function podChange(change: RequestedChange): RequestedChange {
  const podOf = (object: JsonObject | null) =>
    object === null ? null : (podViewOf(object, objectKeyOf(object))?.pod ?? object);
  return { ...change, object: podOf(change.object), oldObject: podOf(change.oldObject) };
}
