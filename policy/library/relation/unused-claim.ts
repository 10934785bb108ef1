/** A claim is used by some workload. */
import type { RelationControl } from '@driftline/policy';
import { isClaimUsed } from './pod-references.ts';

export const unusedClaim: RelationControl = {
  name: 'unused-claim',
  reads: [],
  evaluate({ key, view }) {
    if (isClaimUsed(key, view)) return { verdict: 'pass' };
    return {
      verdict: 'fail',
      violations: [{ path: '', value: '', reason: 'no workload uses it: its data lies there' }],
    };
  },
};
