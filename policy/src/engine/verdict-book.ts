/**
 * Outcomes by (control, object), and what follows when one is replaced: transitions of findings, changes of what could
 * not be answered, and the tallies the score is made of.
 */
import type { FindingKey, FindingState, ObjectKey, Severity, Transition, Violation } from '../contract.ts';
import type { Place, Standing, Tally } from '../score/tally.ts';
import type { Slot, Subject, SubjectVerdicts } from './graph.ts';
import { noOutcome, type Outcome, outcomeCode, plainOutcome } from './outcome.ts';

/** Why a finding moved. `index` is the position of the change in the batch given to apply. */
export type Cause =
  | { readonly type: 'change'; readonly index: number }
  | { readonly type: 'deadline' | 'coverage' | 'bundle' };

export type JudgedTransition = Transition & { readonly cause: Cause };

/** A control that has no answer for an object, or (name '') for all objects of a kind. */
export type Unanswered = {
  readonly control: string;
  readonly object: ObjectKey;
  readonly uid: string;
  readonly state: 'unjudged' | 'not-assessable';
  readonly reason: string;
};

/** 'answered': it has an answer again, or the object has gone. */
export type UnansweredChange = Omit<Unanswered, 'state'> & { readonly state: Unanswered['state'] | 'answered' };

export type Finding = {
  readonly finding: FindingKey;
  readonly severity: Severity;
  readonly title: string;
  readonly value: string;
  readonly reason: string;
  /** Id of the exception that waives it for now. */
  readonly exception?: string;
};

/** The last known state of a finding, from an earlier life of the engine. */
export type KnownFinding = Finding & { readonly state: FindingState };

export type Replacement = {
  readonly subject: Subject;
  readonly slot: Slot;
  readonly outcome: Outcome;
  readonly cause: Cause;
  /** Severity or title changed: findings that stay are updated. */
  readonly rewritten?: boolean;
  /** Why nothing is judged any more; only with noOutcome. */
  readonly closing?: string;
};

type Taken = { readonly transitions: readonly JudgedTransition[]; readonly unanswered: readonly UnansweredChange[] };

export class VerdictBook {
  readonly #tally: Tally;
  /** Paths that were resolved while their object lived, by subject and control: the next time they are reopened. */
  readonly #resolved = new WeakMap<SubjectVerdicts, Map<string, Set<string>>>();
  #transitions: JudgedTransition[] = [];
  #unanswered: UnansweredChange[] = [];

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  replace(replacement: Replacement): void {
    const { subject, slot, outcome } = replacement;
    const { verdicts } = subject;
    if (verdicts === undefined) return;
    const control = slot.control.meta.id;
    const code = verdicts.codes[slot.position] ?? outcomeCode.none;
    const before = verdicts.told?.get(control) ?? plainOutcome(code);
    if (before === outcome) return;
    this.#tally.move(control, placeOf(subject), standingOf(code, before), standingOf(outcome.code, outcome));
    verdicts.codes[slot.position] = outcome.code;
    if (tells(outcome)) (verdicts.told ??= new Map()).set(control, outcome);
    else verdicts.told?.delete(control);
    if (verdicts.told?.size === 0) verdicts.told = undefined;
    this.#compare(replacement, before.violations, verdicts);
    const state = unansweredState(outcome) ?? 'answered';
    if ((unansweredState(before) ?? 'answered') !== state || before.reason !== outcome.reason) {
      this.note({ control, object: subject.key, uid: subject.uid, state, reason: outcome.reason });
    }
  }

  /** What the subject counts for is another owner's from now on. */
  handOver(subject: Subject, owner: string): void {
    if (subject.owner === owner) return;
    const before = placeOf(subject);
    subject.owner = owner;
    const after = placeOf(subject);
    for (const { control, position } of subject.verdicts?.slots ?? []) {
      const code = subject.verdicts?.codes[position] ?? outcomeCode.none;
      const standing = standingOf(code, subject.verdicts?.told?.get(control.meta.id));
      this.#tally.move(control.meta.id, before, standing, standsNowhere);
      this.#tally.move(control.meta.id, after, standsNowhere, standing);
    }
  }

  /** Takes over a finding of an earlier life: an open one is expected to fail, a resolved one may reopen. */
  seed({ verdicts }: Subject, { finding: { control, path }, state, value, reason }: KnownFinding): void {
    if (verdicts === undefined) return;
    if (state === 'resolved') {
      this.#resolvedPaths(verdicts, control).add(path);
      return;
    }
    verdicts.told ??= new Map();
    const earlier = verdicts.told.get(control)?.violations ?? [];
    const known: Violation = { path, value, reason, ...(state === 'excepted' ? { exception: '' } : {}) };
    const violations = [...earlier, known].sort((a, b) => (a.path < b.path ? -1 : 1));
    verdicts.told.set(control, { ...noOutcome, violations });
  }

  /** Says that a finding no subject holds is over. */
  close({ finding, severity, title, value }: Finding, reason: string, cause: Cause): void {
    this.#transitions.push({ finding, state: 'resolved', severity, title, value, reason, cause });
  }

  note(change: UnansweredChange): void {
    this.#unanswered.push(change);
  }

  /** What happened since the last call, in the order it happened. */
  take(): Taken {
    const taken = { transitions: this.#transitions, unanswered: this.#unanswered };
    this.#transitions = [];
    this.#unanswered = [];
    return taken;
  }

  #compare(replacement: Replacement, before: readonly Violation[], verdicts: SubjectVerdicts): void {
    const { slot, outcome } = replacement;
    if (replacement.rewritten !== true && sameViolations(before, outcome.violations)) return;
    const known = new Map(before.map((violation) => [violation.path, violation]));
    const stays = new Set(outcome.violations.map((violation) => violation.path));
    for (const violation of before) {
      if (stays.has(violation.path)) continue;
      this.#resolvedPaths(verdicts, slot.control.meta.id).add(violation.path);
      this.#emit(replacement, 'resolved', { ...violation, reason: closingReason(replacement) });
    }
    for (const violation of outcome.violations) {
      const earlier = known.get(violation.path);
      if (isExcepted(violation)) {
        if (replacement.rewritten === true || earlier === undefined || !sameViolation(earlier, violation))
          this.#emit(replacement, 'excepted', violation);
      } else if (earlier !== undefined && isExcepted(earlier)) {
        this.#emit(replacement, 'reopened', violation);
      } else if (earlier === undefined) {
        const again = this.#resolved.get(verdicts)?.get(slot.control.meta.id)?.delete(violation.path) === true;
        this.#emit(replacement, again ? 'reopened' : 'opened', violation);
      } else if (replacement.rewritten === true || !sameViolation(earlier, violation)) {
        this.#emit(replacement, 'updated', violation);
      }
    }
  }

  #emit({ subject, slot, cause }: Replacement, state: FindingState, { path, value, reason }: Violation): void {
    const { id, severity, title } = slot.control.meta;
    const finding: FindingKey = { control: id, object: subject.key, uid: subject.uid, path };
    this.#transitions.push({ finding, state, severity, title, value, reason, cause });
  }

  #resolvedPaths(verdicts: SubjectVerdicts, control: string): Set<string> {
    const byControl = this.#resolved.get(verdicts) ?? new Map<string, Set<string>>();
    this.#resolved.set(verdicts, byControl);
    const paths = byControl.get(control) ?? new Set();
    byControl.set(control, paths);
    return paths;
  }
}

export function placeOf({ key, owner }: Subject): Place {
  return { namespace: key.namespace, owner };
}

const standsNowhere: Standing = { code: outcomeCode.none, open: 0 };

/** What was only restored counts for nothing yet: it has no code. */
function standingOf(code: number, told: Outcome | undefined): Standing {
  const open = code === outcomeCode.fail ? (told?.violations.filter((one) => !isExcepted(one)).length ?? 0) : 0;
  return { code, open };
}

/** Both are ordered by path. */
function sameViolations(a: readonly Violation[], b: readonly Violation[]): boolean {
  return (
    a.length === b.length &&
    a.every((violation, index) => {
      const other = b[index];
      return other?.path === violation.path && sameViolation(violation, other);
    })
  );
}

/** Which exception waives it is told in the reason. */
function sameViolation(a: Violation, b: Violation): boolean {
  return a.value === b.value && a.reason === b.reason && isExcepted(a) === isExcepted(b);
}

function isExcepted({ exception }: Violation): boolean {
  return exception !== undefined;
}

/** The answers of one subject that are more than a code. */
export function toldBy(subject: Subject): readonly { readonly slot: Slot; readonly outcome: Outcome }[] {
  const { told, slots = [], codes } = subject.verdicts ?? {};
  if (told === undefined || codes === undefined) return [];
  const found: { slot: Slot; outcome: Outcome }[] = [];
  for (const slot of slots) {
    const code = codes[slot.position];
    if (code === outcomeCode.pass || code === outcomeCode.notApplicable) continue;
    const outcome = told.get(slot.control.meta.id);
    if (outcome !== undefined) found.push({ slot, outcome });
  }
  return found;
}

export function unansweredState(outcome: Outcome): Unanswered['state'] | undefined {
  if (outcome.code === outcomeCode.unjudged) return 'unjudged';
  return outcome.code === outcomeCode.notAssessable ? 'not-assessable' : undefined;
}

function tells(outcome: Outcome): boolean {
  return outcome.violations.length > 0 || outcome.reason !== '';
}

function closingReason({ outcome, closing }: Replacement): string {
  if (closing !== undefined) return closing;
  if (outcome.code === outcomeCode.notApplicable) return 'the control no longer applies';
  if (outcome.code === outcomeCode.unjudged) return `could not be judged: ${outcome.reason}`;
  if (outcome.code === outcomeCode.notAssessable) return `cannot be assessed: ${outcome.reason}`;
  return 'no longer fails';
}
