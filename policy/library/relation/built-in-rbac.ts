/** The roles and bindings that the API server itself creates and restores. */
import { labelsAt, type RelationControl, stringAt } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';

const namedRoles: ReadonlySet<string> = new Set(['cluster-admin', 'admin', 'edit', 'view']);

/** What a rule about a whole binding reads of it, besides its name. */
export const bindingReads: NonNullable<RelationControl['reads']> = [
  ['object', 'metadata', 'labels'],
  ['object', 'roleRef'],
  ['object', 'subjects'],
];

/** By label and name: either alone can be chosen by anybody who may write RBAC objects. */
export function isBuiltInRbac(object: JsonObject): boolean {
  const name = stringAt(object, 'metadata', 'name');
  const labels = labelsAt(object, 'metadata', 'labels');
  return (
    labels.get('kubernetes.io/bootstrapping') === 'rbac-defaults' &&
    (name.startsWith('system:') || namedRoles.has(name))
  );
}
