/** A pod that runs as the default service account must not have its token mounted. */
import { type Fact, type RelationControl, stringAt, valueAt } from '@driftline/policy';

const accountMounts: Fact<boolean> = {
  name: 'service-account-mounts-token',
  group: '',
  kind: 'ServiceAccount',
  project: (account) => valueAt(account, 'automountServiceAccountToken') !== false,
};

export const defaultAccountToken: RelationControl = {
  name: 'default-account-token',
  reads: [
    ['podSpec', 'serviceAccountName'],
    ['podSpec', 'serviceAccount'],
    ['podSpec', 'automountServiceAccountToken'],
  ],
  evaluate({ key, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const account = stringAt(pod.spec, 'serviceAccountName') || stringAt(pod.spec, 'serviceAccount') || 'default';
    if (account !== 'default') return { verdict: 'pass' };
    const own = valueAt(pod.spec, 'automountServiceAccountToken');
    const mounts =
      typeof own === 'boolean'
        ? own
        : (view.fact(accountMounts, { group: '', kind: 'ServiceAccount', namespace: key.namespace, name: 'default' }) ??
          true);
    if (!mounts) return { verdict: 'pass' };
    const reason = 'the pod carries the token of the default service account';
    return {
      verdict: 'fail',
      violations: [{ path: `${pod.specPath}.automountServiceAccountToken`, value: '', reason }],
    };
  },
};
