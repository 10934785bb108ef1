/** A binding to a role that does not exist waits for whoever creates one. */
import type { Fact, RelationControl } from '@driftline/policy';
import { isBuiltInRbac } from './built-in-rbac.ts';
import { roleRefOf } from './rbac-rights.ts';

const group = 'rbac.authorization.k8s.io';

const exists = (kind: string): Fact<true> => ({ name: `${kind}-exists`, group, kind, reads: [], project: () => true });
const clusterRole = exists('ClusterRole');
const role = exists('Role');

/** The API server creates them; files that are judged without a cluster do not have them. */
const isBuiltInName = (name: string): boolean =>
  name.startsWith('system:') || ['cluster-admin', 'admin', 'edit', 'view'].includes(name);

export const danglingRole: RelationControl = {
  name: 'dangling-role',
  reads: [
    ['object', 'metadata', 'labels'],
    ['object', 'roleRef'],
  ],
  evaluate({ object, key, view }) {
    if (isBuiltInRbac(object)) return { verdict: 'not-applicable' };
    const { kind, name } = roleRefOf(object);
    if (kind === 'ClusterRole' && isBuiltInName(name)) return { verdict: 'pass' };
    const [fact, namespace] = kind === 'Role' ? [role, key.namespace] : [clusterRole, ''];
    if (view.fact(fact, { group, kind: fact.kind, namespace, name }) === true) return { verdict: 'pass' };
    const reason = `there is no ${kind} ${name}: whoever creates one decides what its subjects may do`;
    return { verdict: 'fail', violations: [{ path: 'roleRef', value: name, reason }] };
  },
};
