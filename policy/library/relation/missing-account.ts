/** The service account that a workload names exists: without it no pod starts, and whoever creates it is in the pods. */
import type { RelationControl } from '@driftline/policy';
import { serviceAccount } from './dangling-subject.ts';
import { accountNameOf } from './pod-account.ts';

export const missingAccount: RelationControl = {
  name: 'missing-account',
  reads: [
    ['podSpec', 'serviceAccountName'],
    ['podSpec', 'serviceAccount'],
  ],
  evaluate({ key, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const name = accountNameOf(pod.spec);
    // Every namespace gets its default account by itself.
    if (name === 'default') return { verdict: 'pass' };
    const account = { group: '', kind: 'ServiceAccount', namespace: key.namespace, name };
    if (view.fact(serviceAccount, account) === true) return { verdict: 'pass' };
    const reason = `there is no ServiceAccount ${key.namespace}/${name}: no pod of it starts`;
    return { verdict: 'fail', violations: [{ path: `${pod.specPath}.serviceAccountName`, value: name, reason }] };
  },
};
