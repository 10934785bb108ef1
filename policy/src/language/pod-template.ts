/** Where the pod is in the kinds that bear one, so that one control text serves them all. */
import type { Json, JsonObject } from '@driftline/proto';
import type { GroupKind } from '../contract.ts';

/** The pod inside an object. Paths are field paths from the object's root. */
export type PodTemplate = {
  readonly spec: JsonObject;
  readonly specPath: string;
  readonly meta: JsonObject;
  readonly metaPath: string;
};

type Place = { readonly group: string; readonly kind: string; readonly parent: readonly string[] };

const template = ['spec', 'template'] as const;
const places: readonly Place[] = [
  { group: '', kind: 'Pod', parent: [] },
  { group: '', kind: 'ReplicationController', parent: template },
  { group: 'apps', kind: 'DaemonSet', parent: template },
  { group: 'apps', kind: 'Deployment', parent: template },
  { group: 'apps', kind: 'ReplicaSet', parent: template },
  { group: 'apps', kind: 'StatefulSet', parent: template },
  { group: 'batch', kind: 'CronJob', parent: ['spec', 'jobTemplate', 'spec', 'template'] },
  { group: 'batch', kind: 'Job', parent: template },
];

/** No two of them have one name. */
const placeByName = new Map(places.map((place) => [place.kind, place]));

function placeOf({ group, kind }: GroupKind): Place | undefined {
  const place = placeByName.get(kind);
  return place?.group === group ? place : undefined;
}

export const podBearingKinds: readonly GroupKind[] = places.map(({ group, kind }) => ({ group, kind }));

export function isPodBearing(kind: GroupKind): boolean {
  return placeOf(kind) !== undefined;
}

/** Keys that lead to the object whose `spec` and `metadata` are the pod's; undefined for kinds without a pod. */
export function podParentOf(kind: GroupKind): readonly string[] | undefined {
  return placeOf(kind)?.parent;
}

/** The pod of an object of a pod-bearing kind; undefined for other kinds and when there is no pod spec. */
export function podTemplateOf(object: JsonObject, kind: GroupKind): PodTemplate | undefined {
  const place = placeOf(kind);
  if (place === undefined) return undefined;
  let parent: JsonObject = object;
  for (const step of place.parent) {
    const next = objectAt(parent, step);
    if (next === undefined) return undefined;
    parent = next;
  }
  const spec = objectAt(parent, 'spec');
  if (spec === undefined) return undefined;
  const prefix = place.parent.length === 0 ? '' : `${place.parent.join('.')}.`;
  return { spec, specPath: `${prefix}spec`, meta: objectAt(parent, 'metadata') ?? {}, metaPath: `${prefix}metadata` };
}

/**
 * Whether another pod-bearing object controls this one, which is then judged there: a ReplicaSet's pods say nothing that
 * its Deployment does not. Pods of other owners (nodes, custom resources) are judged themselves.
 */
export function hasPodBearingController(object: JsonObject): boolean {
  const owners = objectAt(object, 'metadata')?.['ownerReferences'];
  if (!Array.isArray(owners)) return false;
  return owners.some((owner: Json) => {
    if (typeof owner !== 'object' || owner === null || Array.isArray(owner)) return false;
    const { apiVersion, kind, controller } = owner as JsonObject;
    if (controller !== true || typeof apiVersion !== 'string' || typeof kind !== 'string') return false;
    return isPodBearing({ group: groupOf(apiVersion), kind });
  });
}

/** The API group of an apiVersion; '' is core. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

function objectAt(object: JsonObject, key: string): JsonObject | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
