import type { Verdict } from '../contract.ts';

/** What a verdict is given for, in one line; '' where it says nothing. */
export function verdictReason(verdict: Verdict): string {
  if ('reason' in verdict) return verdict.reason;
  if (!('violations' in verdict)) return '';
  return verdict.violations.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`)).join('; ');
}
