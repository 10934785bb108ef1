/** The roles and bindings that the API server itself creates and restores. */
import { labelsAt, stringAt } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';

const namedRoles: ReadonlySet<string> = new Set(['cluster-admin', 'admin', 'edit', 'view']);

/** By label and name: either alone can be chosen by anybody who may write RBAC objects. */
export function isBuiltInRbac(object: JsonObject): boolean {
  const name = stringAt(object, 'metadata', 'name');
  const labels = labelsAt(object, 'metadata', 'labels');
  return (
    labels.get('kubernetes.io/bootstrapping') === 'rbac-defaults' &&
    (name.startsWith('system:') || namedRoles.has(name))
  );
}
