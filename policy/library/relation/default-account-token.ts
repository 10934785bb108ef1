/** A pod that runs as the default service account must not have its token mounted. */
import type { RelationControl } from '@driftline/policy';
import { accountNameOf, isTokenMounted } from './pod-account.ts';

export const defaultAccountToken: RelationControl = {
  name: 'default-account-token',
  reads: [
    ['podSpec', 'serviceAccountName'],
    ['podSpec', 'serviceAccount'],
    ['podSpec', 'automountServiceAccountToken'],
  ],
  evaluate({ key, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    if (accountNameOf(pod.spec) !== 'default' || !isTokenMounted(pod.spec, key.namespace, view))
      return { verdict: 'pass' };
    const reason = 'the pod carries the token of the default service account';
    return {
      verdict: 'fail',
      violations: [{ path: `${pod.specPath}.automountServiceAccountToken`, value: '', reason }],
    };
  },
};
