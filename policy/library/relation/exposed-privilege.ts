/** What the outside can reach must hold no rights in the whole cluster. */
import { labelsAt, type RelationControl } from '@driftline/policy';
import { accountNameOf, carriesToken, podAccountReads } from './pod-account.ts';
import { accountKey, clusterRoleBindings } from './rbac-rights.ts';
import { waysFromOutside } from './workload-exposure.ts';

export const exposedPrivilege: RelationControl = {
  name: 'exposed-privilege',
  reads: [...podAccountReads, ['podMeta', 'labels']],
  evaluate({ key: { namespace }, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const name = accountNameOf(pod.spec);
    const bindings = view.lookup(clusterRoleBindings, accountKey({ namespace, name }));
    if (bindings.length === 0 || !carriesToken(pod.spec, namespace, view)) return { verdict: 'pass' };
    const ways = waysFromOutside(namespace, labelsAt(pod.meta, 'labels'), view);
    if (ways.length === 0) return { verdict: 'pass' };
    const rights = bindings.map(({ key, value }) => `ClusterRoleBinding ${key.name} to ${value.role.name}`).sort();
    const reason = `reachable by ${ways.join(', ')}, and holds ${rights.join(', ')}`;
    return { verdict: 'fail', violations: [{ path: `${pod.specPath}.serviceAccountName`, value: name, reason }] };
  },
};
