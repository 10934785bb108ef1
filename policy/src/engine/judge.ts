/** Runs controls on subjects and keeps, for the tracked ones, what each run read. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, GroupKind, ObjectChange, TrackedView, Verdict } from '../contract.ts';
import { groupOf } from '../language/pod-template.ts';
import { stringAt } from '../language/read-json.ts';
import { createDeadlines } from './deadlines.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { Dirt, DirtySubject } from './dirt.ts';
import { messageOf } from './fact-index.ts';
import { dependOn, type Evaluation, type Slot, type Subject, type SubjectVerdicts } from './graph.ts';
import { noOutcome, type Outcome, outcomeCode, outcomeOf, unjudged } from './outcome.ts';
import { Restored } from './restored.ts';
import type { Roster, RosterChange } from './roster.ts';
import { NotAssessable, type Recording, RecordingView, type ViewSource } from './tracked-view.ts';
import type { Cause, KnownFinding, VerdictBook } from './verdict-book.ts';

export type JudgeParts = { readonly source: ViewSource; readonly book: VerdictBook; readonly roster: Roster };

/** Where marks go, and why they are made. */
export type Marking = { readonly dirt: Dirt; readonly cause: Cause };

const bundle: Cause = { type: 'bundle' };
const noControls: ReadonlySet<string> = new Set();

export class Judge {
  readonly #source: ViewSource;
  readonly #book: VerdictBook;
  readonly #roster: Roster;
  readonly #deadlines = createDeadlines();
  readonly #restored = new Restored();
  /** Controls whose findings say something else of themselves (severity, title) than when they were opened. */
  readonly #rewritten = new Set<string>();

  constructor({ source, book, roster }: JudgeParts) {
    this.#source = source;
    this.#book = book;
    this.#roster = roster;
  }

  /** Runs all of them, then throws what the first one threw: a subject that threw is judged whole at its next change. */
  run(dirty: readonly DirtySubject[]): void {
    let failure: { readonly thrown: unknown } | undefined;
    for (const one of dirty) {
      try {
        this.#runSubject(one);
      } catch (thrown) {
        failure ??= { thrown };
      }
    }
    this.#rewritten.clear();
    if (failure !== undefined) throw failure.thrown;
  }

  /** Marks what the change of an object can concern; to be called before it is placed. `after` is what it becomes. */
  markChanged(subject: Subject, change: ObjectChange & { readonly after: JsonObject }, marking: Marking): void {
    const { dirt, cause } = marking;
    const { verdicts } = subject;
    const concerned = verdicts?.isCurrent === true ? this.#concerned(subject, verdicts, change) : undefined;
    if (concerned === undefined) dirt.markSubject(subject, cause);
    else for (const { control } of concerned) dirt.markControl(subject, control, cause);
    if (verdicts !== undefined && concerned?.length !== 0) verdicts.isCurrent = false;
  }

  /** undefined: all, or it cannot be said. */
  #concerned(
    subject: Subject,
    { codes }: SubjectVerdicts,
    change: ObjectChange & { readonly after: JsonObject },
  ): readonly Slot[] | undefined {
    const { key } = subject;
    const { after } = change;
    const before = this.#source.inventory.earlier(subject, change);
    // What calls itself something else is not laid out as its kind says.
    if (before === undefined || !isOfKind(before, key) || !isOfKind(after, key)) return undefined;
    try {
      return this.#roster.plan(key).concerned(before, after, ({ position }) => !isQuiet(codes[position]));
    } catch {
      // Nested beyond the stack.
      return undefined;
    }
  }

  /** The object has gone, or another took its name: its findings end, its evaluations are forgotten. */
  close(subject: Subject, reason: string, cause: Cause): void {
    const { verdicts } = subject;
    if (verdicts === undefined) return;
    for (const slot of verdicts.slots) {
      this.#book.replace({ subject, slot, outcome: noOutcome, cause, closing: reason });
      forget(verdicts, slot.control.meta.id);
    }
    subject.verdicts = undefined;
  }

  /** Keeps what was known until its subject is judged; answers with the subjects to judge. */
  restore(known: Iterable<KnownFinding>): readonly Subject[] {
    return this.#restored.add(known, this.#source.inventory);
  }

  changeControls(changes: readonly RosterChange[], dirt: Dirt): void {
    for (const change of changes) {
      const before = new Map(change.before.map(({ control }) => [control.meta.id, control.meta]));
      for (const { control } of change.after) {
        const earlier = before.get(control.meta.id);
        if (earlier !== undefined && saysElse(earlier, control.meta)) this.#rewritten.add(control.meta.id);
      }
      for (const subject of this.#source.inventory.members(change.kind)) this.#changeSubject(subject, change, dirt);
    }
  }

  takeDue(nowMs: number): readonly Evaluation[] {
    return this.#deadlines.takeDue(nowMs);
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next();
  }

  #runSubject({ subject, whole, controls }: DirtySubject): void {
    const { inventory } = this.#source;
    const slots = subject.present ? this.#roster.slots(subject.key) : [];
    if (slots.length > 0) subject.verdicts ??= createVerdicts(slots);
    const rewritten = this.#takeRestored(subject, slots);
    if (!subject.present) inventory.release(subject);
    const { verdicts } = subject;
    if (verdicts === undefined) return;
    verdicts.isCurrent = false;
    const lost = this.#fetch(subject);
    for (const slot of whole === undefined ? this.#slotsOf(subject, controls) : verdicts.slots) {
      const id = slot.control.meta.id;
      const cause = whole ?? controls.get(id);
      if (cause === undefined) continue;
      const outcome = lost ?? this.#evaluate(subject, verdicts, slot.control);
      this.#book.replace({ subject, slot, outcome, cause, rewritten: this.#rewritten.has(id) || rewritten.has(id) });
    }
    verdicts.isCurrent = lost === undefined;
    inventory.letGo([subject]);
  }

  /** In the order of control ids, as all slots are. */
  #slotsOf({ key }: Subject, controls: ReadonlyMap<string, Cause>): readonly Slot[] {
    const slots: Slot[] = [];
    const byId = this.#roster.byId(key);
    for (const id of controls.keys()) {
      const slot = byId.get(id);
      if (slot !== undefined) slots.push(slot);
    }
    return slots.length < 2 ? slots : slots.sort((a, b) => a.position - b.position);
  }

  /** Puts the object at hand; answers with the outcome of every control when that fails. */
  #fetch(subject: Subject): Outcome | undefined {
    try {
      subject.object = this.#source.inventory.object(subject);
      return subject.object === undefined ? unjudged('the object is not in the object store') : undefined;
    } catch (thrown) {
      return unjudged(`the object store failed: ${messageOf(thrown)}`);
    }
  }

  #evaluate(subject: Subject, verdicts: SubjectVerdicts, control: CompiledControl): Outcome {
    const { object } = subject;
    if (object === undefined) return noOutcome;
    if (control.selfContained) return evaluateAlone(control, object);
    const evaluation = evaluationOf(subject, verdicts, control);
    const recording = RecordingView.record(this.#source, (view) => control.evaluate(deepFreeze(object), view));
    dependOn(evaluation, recording.reads);
    if (recording.deadlineMs !== evaluation.deadlineMs) {
      evaluation.deadlineMs = recording.deadlineMs;
      if (recording.deadlineMs < Number.POSITIVE_INFINITY) this.#deadlines.add(evaluation);
    }
    return outcomeOfRecording(recording);
  }

  /** Hands what was restored to the subject's verdicts, or ends it where nothing can hold it. Answers with rewritten controls. */
  #takeRestored(subject: Subject, slots: readonly Slot[]): ReadonlySet<string> {
    const taken = this.#restored.take(subject);
    if (taken.length === 0) return noControls;
    const rewritten = new Set<string>();
    for (const known of taken) {
      const { control, uid } = known.finding;
      const lives = subject.present && uid === subject.uid;
      const meta = slots.find((slot) => slot.control.meta.id === control)?.control.meta;
      if (lives && meta !== undefined) {
        this.#book.seed(subject, known);
        if (saysElse(known, meta)) rewritten.add(control);
      } else if (known.state !== 'resolved') {
        this.#book.close(known, lives ? 'the control was removed' : 'the object was deleted', bundle);
      }
    }
    return rewritten;
  }

  #changeSubject(subject: Subject, { before, after }: RosterChange, dirt: Dirt): void {
    const { verdicts } = subject;
    if (verdicts === undefined) return dirt.markSubject(subject, bundle);
    const added = new Map(after.map((slot) => [slot.control.meta.id, slot]));
    const codes = new Uint8Array(after.length);
    for (const slot of before) {
      const id = slot.control.meta.id;
      const successor = added.get(id);
      added.delete(id);
      if (successor?.control !== slot.control) forget(verdicts, id);
      if (successor === undefined) {
        this.#book.replace({ subject, slot, outcome: noOutcome, cause: bundle, closing: 'the control was removed' });
        continue;
      }
      codes[successor.position] = verdicts.codes[slot.position] ?? outcomeCode.none;
      if (successor.control !== slot.control) dirt.markControl(subject, successor.control, bundle);
    }
    for (const slot of added.values()) dirt.markControl(subject, slot.control, bundle);
    verdicts.slots = after;
    verdicts.codes = codes;
  }
}

function createVerdicts(slots: readonly Slot[]): SubjectVerdicts {
  return { slots, codes: new Uint8Array(slots.length), told: undefined, evaluations: undefined, isCurrent: false };
}

function isOfKind(object: JsonObject, { group, kind }: GroupKind): boolean {
  return stringAt(object, 'kind') === kind && groupOf(stringAt(object, 'apiVersion')) === group;
}

/** Whether the verdict has nothing more to say than its code. */
function isQuiet(code: number | undefined): boolean {
  return code === outcomeCode.pass || code === outcomeCode.notApplicable;
}

const noReads: ReadonlySet<never> = new Set();

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

type Wording = Pick<KnownFinding, 'severity' | 'title'>;

function saysElse(a: Wording, b: Wording): boolean {
  return a.severity !== b.severity || a.title !== b.title;
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
