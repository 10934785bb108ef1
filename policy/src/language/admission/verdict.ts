import type { JsonObject } from '@driftline/proto';
import type { Verdict } from '../../contract.ts';
import type { Bindings } from '../compile-expression.ts';
import type { CelPolicy } from './cel-policy.ts';

/** Admission policies name no field, so that an object has one finding of a policy, with every reason. */
export function failed(reasons: readonly string[]): Verdict {
  if (reasons.length === 0) return { verdict: 'pass' };
  return { verdict: 'fail', violations: [{ path: '', value: '', reason: reasons.join('; ') }] };
}

/** With parameters the policy is evaluated once for each of them, and applies where it applies with one. */
export function evaluateEach(cel: CelPolicy, bindings: Bindings, params?: readonly JsonObject[]): Verdict {
  if (params === undefined) return verdictOf(cel.evaluate({ bindings: { ...bindings, params: null } }));
  const each = params.map((one) => cel.evaluate({ bindings: { ...bindings, params: one } }));
  const applied = each.filter((reasons) => reasons !== undefined);
  return verdictOf(applied.length === 0 ? undefined : applied.flat());
}

function verdictOf(reasons: readonly string[] | undefined): Verdict {
  return reasons === undefined ? { verdict: 'not-applicable' } : failed([...new Set(reasons)]);
}
