/** What the engine keeps of a verdict: bounded, ordered, one violation a path, so that equal answers are equal values. */
import type { Verdict, Violation } from '../contract.ts';
import { engineLimits } from './limits.ts';

export const outcomeCode = {
  none: 0,
  pass: 1,
  fail: 2,
  notApplicable: 3,
  notAssessable: 4,
  unjudged: 5,
  excepted: 6,
} as const;
export type OutcomeCode = (typeof outcomeCode)[keyof typeof outcomeCode];

export type Outcome = {
  readonly code: OutcomeCode;
  /** Ordered by path. Empty unless code is fail or excepted. */
  readonly violations: readonly Violation[];
  /** Why it is not assessable or unjudged; else ''. */
  readonly reason: string;
};

export const noOutcome: Outcome = { code: outcomeCode.none, violations: [], reason: '' };
const passed: Outcome = { code: outcomeCode.pass, violations: [], reason: '' };
const notApplicable: Outcome = { code: outcomeCode.notApplicable, violations: [], reason: '' };

export function outcomeOf(verdict: Verdict): Outcome {
  switch (verdict.verdict) {
    case 'pass':
      return passed;
    case 'not-applicable':
      return notApplicable;
    case 'not-assessable':
      return {
        code: outcomeCode.notAssessable,
        violations: [],
        reason: shorten(verdict.reason, engineLimits.maxReasonLength),
      };
    case 'unjudged':
      return unjudged(verdict.reason);
    case 'fail':
    case 'excepted':
      if (verdict.violations.length === 0) return unjudged('the control failed the object without naming a violation');
      return failed(normalise(verdict.violations));
  }
}

function failed(violations: readonly Violation[]): Outcome {
  const isExcepted = violations.every(({ exception }) => exception !== undefined);
  return { code: isExcepted ? outcomeCode.excepted : outcomeCode.fail, violations, reason: '' };
}

export function unjudged(reason: string): Outcome {
  return { code: outcomeCode.unjudged, violations: [], reason: shorten(reason, engineLimits.maxReasonLength) };
}

/** The outcome a code alone stands for. */
export function plainOutcome(code: number): Outcome {
  if (code === outcomeCode.pass) return passed;
  return code === outcomeCode.notApplicable ? notApplicable : noOutcome;
}

export function verdictOf({ code, violations, reason }: Outcome): Verdict | undefined {
  switch (code) {
    case outcomeCode.none:
      return undefined;
    case outcomeCode.pass:
      return { verdict: 'pass' };
    case outcomeCode.notApplicable:
      return { verdict: 'not-applicable' };
    case outcomeCode.fail:
      return { verdict: 'fail', violations };
    case outcomeCode.excepted:
      return { verdict: 'excepted', violations };
    case outcomeCode.notAssessable:
      return { verdict: 'not-assessable', reason };
    case outcomeCode.unjudged:
      return { verdict: 'unjudged', reason };
  }
}

function normalise(violations: readonly Violation[]): readonly Violation[] {
  const [first] = violations;
  if (first !== undefined && violations.length === 1)
    return [merged(undefined, first, shorten(first.path, engineLimits.maxPathLength))];
  const byPath = new Map<string, Violation>();
  let left = 0;
  for (const violation of violations) {
    const path = shorten(violation.path, engineLimits.maxPathLength);
    const known = byPath.get(path);
    if (known === undefined && byPath.size >= engineLimits.maxViolationsPerVerdict) left += 1;
    else byPath.set(path, merged(known, violation, path));
  }
  if (left > 0)
    byPath.set('', merged(byPath.get(''), { path: '', value: '', reason: `and ${left} more violations` }, ''));
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function merged(known: Violation | undefined, next: Violation, path: string): Violation {
  const reasons =
    known === undefined || known.reason.split('; ').includes(next.reason)
      ? [known?.reason ?? next.reason]
      : [known.reason, next.reason];
  // Of two violations at one path the one that nobody excepts decides.
  const exception = known === undefined ? next.exception : known.exception && next.exception;
  return {
    path,
    ...(exception === undefined ? {} : { exception }),
    value: known !== undefined && known.value !== '' ? known.value : shorten(next.value, engineLimits.maxValueLength),
    reason: shorten(reasons.join('; '), engineLimits.maxReasonLength),
  };
}

function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
