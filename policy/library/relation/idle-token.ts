/** A pod whose service account has no rights of its own needs no token: it only serves who breaks in. */
import type { RelationControl } from '@driftline/policy';
import { accountNameOf, isTokenMounted } from './pod-account.ts';
import { accountKey, clusterRoleBindings, groupKey, roleBindings } from './rbac-rights.ts';

export const idleToken: RelationControl = {
  name: 'idle-token',
  reads: [
    ['podSpec', 'serviceAccountName'],
    ['podSpec', 'serviceAccount'],
    ['podSpec', 'automountServiceAccountToken'],
  ],
  evaluate({ key: { namespace }, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const name = accountNameOf(pod.spec);
    // The default account has a control of its own.
    if (name === 'default' || !isTokenMounted(pod.spec, namespace, view)) return { verdict: 'pass' };
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
    const keys = [accountKey({ namespace, name }), ...groups.map(groupKey)];
    const bound = keys.some(
      (one) => view.lookup(clusterRoleBindings, one).length > 0 || view.lookup(roleBindings, one).length > 0,
    );
    if (bound) return { verdict: 'pass' };
    const reason = `the pod carries a token of ServiceAccount ${name}, which no binding gives any right`;
    const path = `${pod.specPath}.automountServiceAccountToken`;
    return { verdict: 'fail', violations: [{ path, value: '', reason }] };
  },
};
