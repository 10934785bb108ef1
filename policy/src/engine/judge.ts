/** Runs controls on subjects and keeps, for the tracked ones, what each run read. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, TrackedView, Verdict } from '../contract.ts';
import { createDeadlines } from './deadlines.ts';
import type { Dirt, DirtySubject } from './dirt.ts';
import { messageOf } from './fact-index.ts';
import { dependOn, type Evaluation, type Slot, type Subject, type SubjectVerdicts } from './graph.ts';
import type { Inventory } from './inventory.ts';
import { noOutcome, type Outcome, outcomeCode, outcomeOf, unjudged } from './outcome.ts';
import type { Roster, RosterChange } from './roster.ts';
import { deepFreeze } from './deep-freeze.ts';
import { NotAssessable, type Recording, type RecordingView } from './tracked-view.ts';
import type { Cause, KnownFinding, VerdictBook } from './verdict-book.ts';

export type JudgeParts = {
  readonly inventory: Inventory;
  readonly view: RecordingView;
  readonly book: VerdictBook;
  readonly roster: Roster;
};

export type Judge = {
  run(dirty: readonly DirtySubject[]): void;
  /** The object has gone, or another took its name: its findings end, its evaluations are forgotten. */
  close(subject: Subject, reason: string, cause: Cause): void;
  /** Keeps what was known until its subject is judged; answers with the subjects to judge. */
  restore(known: Iterable<KnownFinding>): readonly Subject[];
  changeControls(changes: readonly RosterChange[], dirt: Dirt): void;
  takeDue(nowMs: number): readonly Evaluation[];
  nextDeadline(): number | undefined;
};

const noReads: ReadonlySet<never> = new Set();

export function createJudge({ inventory, view, book, roster }: JudgeParts): Judge {
  const deadlines = createDeadlines();
  const restored = new Map<Subject, KnownFinding[]>();
  let rewritten = new Set<string>();

  function evaluationOf(subject: Subject, verdicts: SubjectVerdicts, control: CompiledControl): Evaluation {
    verdicts.evaluations ??= new Map();
    const known = verdicts.evaluations.get(control.meta.id);
    if (known !== undefined) return known;
    const created: Evaluation = { subject, control, reads: noReads, deadlineMs: Number.POSITIVE_INFINITY };
    verdicts.evaluations.set(control.meta.id, created);
    return created;
  }

  function forget(verdicts: SubjectVerdicts, control: string): void {
    const evaluation = verdicts.evaluations?.get(control);
    if (evaluation === undefined) return;
    dependOn(evaluation, noReads);
    evaluation.deadlineMs = Number.POSITIVE_INFINITY;
    verdicts.evaluations?.delete(control);
    if (verdicts.evaluations?.size === 0) verdicts.evaluations = undefined;
  }

  function evaluate(subject: Subject, verdicts: SubjectVerdicts, slot: Slot): Outcome {
    const object = inventory.object(subject);
    if (object === undefined) return unjudged('the object is not in the object store');
    const { control } = slot;
    if (control.selfContained) return evaluateAlone(control, object);
    const frozen = deepFreeze(object);
    const evaluation = evaluationOf(subject, verdicts, control);
    const recording = view.record((tracked) => control.evaluate(frozen, tracked));
    dependOn(evaluation, recording.reads);
    if (recording.deadlineMs !== evaluation.deadlineMs) {
      evaluation.deadlineMs = recording.deadlineMs;
      if (recording.deadlineMs < Number.POSITIVE_INFINITY) deadlines.add(evaluation);
    }
    return outcomeOfRecording(recording);
  }

  /** Hands what was restored to the subject's verdicts, or ends it where nothing can hold it. */
  function takeRestored(subject: Subject, slots: readonly Slot[]): void {
    const known = restored.get(subject);
    if (known === undefined) return;
    restored.delete(subject);
    subject.pins -= 1;
    for (const one of known) {
      const { control, uid, path } = one.finding;
      const isOpen = one.state !== 'resolved';
      const lives = subject.present && uid === subject.uid;
      if (lives && slots.some((slot) => slot.control.meta.id === control)) {
        book.seed(subject, control, { path, value: one.value, reason: one.reason, isOpen });
      } else if (isOpen) {
        book.close(one, lives ? 'the control was removed' : 'the object was deleted', { type: 'bundle' });
      }
    }
  }

  function runSubject({ subject, whole, controls }: DirtySubject): void {
    const slots = subject.present ? roster.slots(subject.key) : [];
    if (slots.length > 0)
      subject.verdicts ??= { slots, codes: new Uint8Array(slots.length), told: undefined, evaluations: undefined };
    takeRestored(subject, slots);
    if (!subject.present) inventory.release(subject);
    const { verdicts } = subject;
    if (verdicts === undefined) return;
    if (whole === undefined) subject.object = inventory.object(subject);
    for (const slot of verdicts.slots) {
      const id = slot.control.meta.id;
      const cause = whole ?? controls.get(id);
      if (cause !== undefined)
        book.replace({
          subject,
          slot,
          outcome: evaluate(subject, verdicts, slot),
          cause,
          rewritten: rewritten.has(id),
        });
    }
    if (whole === undefined) inventory.letGo([subject]);
  }

  function changeSubject(subject: Subject, { before, after }: RosterChange, dirt: Dirt): void {
    const { verdicts } = subject;
    const cause: Cause = { type: 'bundle' };
    if (verdicts === undefined) return dirt.markSubject(subject, cause);
    const next = new Map(after.map((slot) => [slot.control.meta.id, slot]));
    const codes = new Uint8Array(after.length);
    for (const slot of before) {
      const id = slot.control.meta.id;
      const successor = next.get(id);
      next.delete(id);
      if (successor?.control !== slot.control) forget(verdicts, id);
      if (successor === undefined) {
        book.replace({ subject, slot, outcome: noOutcome, cause, closing: 'the control was removed' });
        continue;
      }
      codes[successor.position] = verdicts.codes[slot.position] ?? outcomeCode.none;
      if (successor.control !== slot.control) dirt.markControl(subject, successor.control, cause);
    }
    for (const slot of next.values()) dirt.markControl(subject, slot.control, cause);
    verdicts.slots = after;
    verdicts.codes = codes;
  }

  return {
    run(dirty) {
      for (const one of dirty) runSubject(one);
      rewritten = new Set();
    },
    close(subject, reason, cause) {
      const { verdicts } = subject;
      if (verdicts === undefined) return;
      for (const slot of verdicts.slots) {
        book.replace({ subject, slot, outcome: noOutcome, cause, closing: reason });
        forget(verdicts, slot.control.meta.id);
      }
      subject.verdicts = undefined;
    },
    restore(known) {
      for (const one of known) {
        const subject = inventory.subject(one.finding.object);
        const earlier = restored.get(subject);
        if (earlier !== undefined) earlier.push(one);
        else {
          subject.pins += 1;
          restored.set(subject, [one]);
        }
      }
      return [...restored.keys()];
    },
    changeControls(changes, dirt) {
      for (const change of changes) {
        for (const slot of change.after) {
          const earlier = change.before.find((one) => one.control.meta.id === slot.control.meta.id)?.control.meta;
          const { id, severity, title } = slot.control.meta;
          if (earlier !== undefined && (earlier.severity !== severity || earlier.title !== title)) rewritten.add(id);
        }
        for (const subject of inventory.members(change.kind)) changeSubject(subject, change, dirt);
      }
    },
    takeDue: (nowMs) => deadlines.takeDue(nowMs),
    nextDeadline: () => deadlines.next(),
  };
}

const closedView: TrackedView = Object.freeze({
  get: refuse,
  list: refuse,
  facts: refuse,
  fact: refuse,
  lookup: refuse,
  now: refuse,
  covers: refuse,
});

function refuse(): never {
  throw new Error('a self-contained control reads nothing but its own object');
}

function evaluateAlone(control: CompiledControl, object: JsonObject): Outcome {
  try {
    return outcomeOf(control.evaluate(object, closedView));
  } catch (thrown) {
    return unjudged(messageOf(thrown));
  }
}

function outcomeOfRecording({ result }: Recording<Verdict>): Outcome {
  if (result.ok) return outcomeOf(result.value);
  const reason = messageOf(result.thrown);
  return result.thrown instanceof NotAssessable ? outcomeOf({ verdict: 'not-assessable', reason }) : unjudged(reason);
}
