import type { Verdict } from '../../contract.ts';

/** Admission policies name no field, so that an object has one finding of a policy, with every reason. */
export function failed(reasons: readonly string[]): Verdict {
  if (reasons.length === 0) return { verdict: 'pass' };
  return { verdict: 'fail', violations: [{ path: '', value: '', reason: reasons.join('; ') }] };
}
