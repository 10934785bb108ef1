import { createHash } from 'node:crypto';
import type { JsonObject } from '../object/json.ts';

/** One stored kind. A kind served in several versions has one storage; `versions[0]` is the preferred one. */
export type Kind = {
  readonly group: string;
  readonly versions: readonly string[];
  readonly storageVersion: string;
  readonly kind: string;
  readonly listKind: string;
  readonly resource: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
  /** Set for kinds that a CustomResourceDefinition brought. */
  readonly custom: CustomKind | undefined;
};

export type CustomKind = {
  readonly crdUid: string;
  /** Additional printer columns and schema, by served version. */
  readonly versions: ReadonlyMap<string, { readonly schema: JsonObject; readonly columns: readonly JsonObject[] }>;
  readonly scale: { readonly specPath: string; readonly statusPath: string; readonly selectorPath: string } | undefined;
};

export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

/** Identity of a storage: one watch, one change log. */
export const storageKey = (kind: { group: string; resource: string }): string =>
  kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;

export const apiVersionOf = (group: string, version: string): string =>
  group === '' ? version : `${group}/${version}`;

export const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';

export const storageVersionHash = (kind: Kind): string =>
  createHash('sha256')
    .update(`${apiVersionOf(kind.group, kind.storageVersion)}/${kind.kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');

/** Does a change of this kind's spec count as a new generation? */
export const hasGeneration = (kind: Kind): boolean =>
  kind.custom !== undefined || generationKinds.has(storageKey(kind));

const generationKinds = new Set([
  'pods',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'replicationcontrollers',
  'jobs.batch',
  'cronjobs.batch',
  'ingresses.networking.k8s.io',
  'networkpolicies.networking.k8s.io',
  'poddisruptionbudgets.policy',
  'customresourcedefinitions.apiextensions.k8s.io',
  'ingressclasses.networking.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
]);
