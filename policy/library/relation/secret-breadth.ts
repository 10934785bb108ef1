/** A Secret is used by few workloads. */
import type { RelationControl } from '@driftline/policy';
import { usersOfSecret } from './pod-references.ts';

export const secretBreadth: RelationControl = {
  name: 'secret-breadth',
  reads: [],
  evaluate({ key, view, params }) {
    const users = usersOfSecret(key, view).map(({ kind, name }) => `${kind} ${name}`);
    const maximum = Number(params['maximum']);
    if (users.length <= maximum) return { verdict: 'pass' };
    const reason = `${users.length} workloads use it, among them ${users.slice(0, 3).join(', ')}`;
    return { verdict: 'fail', violations: [{ path: '', value: String(users.length), reason }] };
  },
};
