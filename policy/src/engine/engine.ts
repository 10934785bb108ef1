/**
 * The incremental engine: it judges what a batch of changes can have affected and answers with what became different.
 * Incremental equals from scratch: after any history its findings, unanswered verdicts and score are those of a new
 * engine that loads the current objects. It never throws because of an object or a control.
 *
 * Life: createEngine → restore (findings of an earlier life) → load (the inventory) → apply([], now), which answers with
 * what differs from the restored findings; then apply for every batch. A finding of an object that was deleted is over:
 * it begins anew (opened, not reopened) should the object be seen again.
 */
import type { CompiledControl, ObjectChange, ObjectKey, Verdict } from '../contract.ts';
import { ownerOf } from '../score/owner.ts';
import type { Score, ScoreCard } from '../score/score.ts';
import { type Place, Tally } from '../score/tally.ts';
import { type Blindness, createBlindness } from './blindness.ts';
import { type Coverage, type Covers, createCoverage } from './coverage.ts';
import { createDirt } from './dirt.ts';
import { compareKeys, type Subject, type Wake } from './graph.ts';
import { Inventory } from './inventory.ts';
import { Judge } from './judge.ts';
import type { ObjectStore } from './object-store.ts';
import { outcomeCode, plainOutcome, verdictOf } from './outcome.ts';
import { createRoster, type Roster } from './roster.ts';
import {
  type Cause,
  type Finding,
  type JudgedTransition,
  type KnownFinding,
  placeOf,
  toldBy,
  type Unanswered,
  type UnansweredChange,
  unansweredState,
  VerdictBook,
} from './verdict-book.ts';

export type EngineOptions = {
  readonly controls: readonly CompiledControl[];
  /** Whether a kind can be seen; asked again by refreshCoverage. A kind the cluster does not serve is covered. Default: all are. */
  readonly covers?: Covers;
  /** Where objects are found again. Default: the engine holds them. */
  readonly store?: ObjectStore;
};

export type Engine = {
  /** Before load: what an earlier life of the engine ended with. */
  restore(known: Iterable<KnownFinding>): void;
  /** Takes objects in without judging; the next apply judges them. Can be called many times. */
  load(objects: Iterable<ObjectChange>): void;
  /**
   * Takes a batch of changes in order and judges once what it affected; of several changes of one object the last counts.
   * nowMs (since the Unix epoch) never runs backwards inside the engine. Transitions are ordered by object, control, path.
   */
  apply(changes: readonly ObjectChange[], nowMs: number): readonly JudgedTransition[];
  /** Asks `covers` again. */
  refreshCoverage(nowMs: number): readonly JudgedTransition[];
  /** Replaces the controls; judges again only those whose digest (or identity, without one) is new. */
  setControls(controls: readonly CompiledControl[], nowMs: number): readonly JudgedTransition[];
  /** Findings that are open or excepted, ordered by object, control, path. */
  findings(): readonly Finding[];
  findingsOf(key: ObjectKey): readonly Finding[];
  /** The verdict of one control on one object as it stands; undefined when it does not judge the object. */
  verdict(key: ObjectKey, control: string): Verdict | undefined;
  /** Verdicts that are unjudged or not-assessable now, ordered by object and control. */
  unanswered(): readonly Unanswered[];
  unansweredOf(key: ObjectKey): readonly Unanswered[];
  /** What became different in `unanswered` since this was last called. */
  takeUnansweredChanges(): readonly UnansweredChange[];
  score(): ScoreCard;
  /** Scopes that this control counts for on this object, as things stand. */
  scopesOf(key: ObjectKey, control: string): readonly string[];
  /** The scores that moved since this was last called, of scopes that emptied too. */
  takeScoreChanges(): readonly Score[];
  /** The next time (ms since the Unix epoch) at which an answer may change without a change: call apply([], now) then. */
  deadline(): number | undefined;
  size(): EngineSize;
};

/** Subjects are objects and places where evaluations looked for one; namespaces are counted by kind. */
export type EngineSize = { readonly subjects: number; readonly namespaces: number };

export function createEngine(options: EngineOptions): Engine {
  return new IncrementalEngine(options);
}

class IncrementalEngine implements Engine {
  readonly #inventory: Inventory;
  readonly #coverage: Coverage;
  readonly #roster: Roster;
  readonly #blindness: Blindness;
  readonly #judge: Judge;
  readonly #tally = new Tally((id) => this.#roster.control(id)?.meta);
  readonly #book = new VerdictBook(this.#tally);
  readonly #dirt = createDirt();
  #nowMs = 0;
  #unansweredChanges: UnansweredChange[] = [];

  constructor({ controls, covers = () => true, store }: EngineOptions) {
    this.#inventory = new Inventory(store);
    this.#coverage = createCoverage(covers);
    this.#roster = createRoster(controls);
    const source = { inventory: this.#inventory, coverage: this.#coverage, nowMs: () => this.#nowMs };
    this.#judge = new Judge({ source, book: this.#book, roster: this.#roster });
    this.#blindness = createBlindness(this.#coverage, (change) => this.#noteBlind(change));
    this.#blindness.refresh(this.#roster);
  }

  restore(known: Iterable<KnownFinding>): void {
    for (const subject of this.#judge.restore(known)) this.#dirt.markSubject(subject, { type: 'bundle' });
  }

  load(objects: Iterable<ObjectChange>): void {
    for (const change of objects) this.#inventory.letGo(this.#place(change, { type: 'bundle' }));
  }

  apply(changes: readonly ObjectChange[], nowMs: number): readonly JudgedTransition[] {
    const placed = lastOfEach(changes, this.#inventory).flatMap(([index, change]) =>
      this.#place(change, { type: 'change', index }),
    );
    const transitions = this.#settle(nowMs);
    this.#inventory.letGo(placed);
    return transitions;
  }

  refreshCoverage(nowMs: number): readonly JudgedTransition[] {
    this.#coverage.refresh(this.#waker({ type: 'coverage' }));
    this.#blindness.refresh(this.#roster);
    return this.#settle(nowMs);
  }

  setControls(controls: readonly CompiledControl[], nowMs: number): readonly JudgedTransition[] {
    const changes = this.#roster.replace(controls);
    this.#tally.remeasure();
    this.#judge.changeControls(changes, this.#dirt);
    this.#blindness.refresh(this.#roster);
    return this.#settle(nowMs);
  }

  findings(): readonly Finding[] {
    return this.#roster.kinds().flatMap((kind) => this.#inventory.members(kind).flatMap(findingsOf));
  }

  findingsOf(key: ObjectKey): readonly Finding[] {
    const subject = this.#inventory.find(key);
    return subject === undefined ? [] : findingsOf(subject);
  }

  verdict(key: ObjectKey, control: string): Verdict | undefined {
    const verdicts = this.#inventory.find(key)?.verdicts;
    const slot = verdicts?.slots.find((one) => one.control.meta.id === control);
    if (verdicts === undefined || slot === undefined) return undefined;
    return verdictOf(verdicts.told?.get(control) ?? plainOutcome(verdicts.codes[slot.position] ?? outcomeCode.none));
  }

  unanswered(): readonly Unanswered[] {
    return this.#roster
      .kinds()
      .flatMap((kind) => [...this.#blindness.of(kind), ...this.#inventory.members(kind).flatMap(unansweredOf)]);
  }

  unansweredOf(key: ObjectKey): readonly Unanswered[] {
    const subject = this.#inventory.find(key);
    return subject === undefined ? [] : unansweredOf(subject);
  }

  takeUnansweredChanges(): readonly UnansweredChange[] {
    const taken = this.#unansweredChanges;
    this.#unansweredChanges = [];
    return taken;
  }

  score(): ScoreCard {
    return this.#tally.card();
  }

  scopesOf(key: ObjectKey, control: string): readonly string[] {
    const subject = this.#inventory.find(key);
    return subject === undefined ? [] : this.#tally.scopesOf(control, placeOf(subject));
  }

  takeScoreChanges(): readonly Score[] {
    return this.#tally.takeChanged();
  }

  deadline(): number | undefined {
    return this.#judge.nextDeadline();
  }

  size(): EngineSize {
    return this.#inventory.size();
  }

  /** The subject, unless there is nothing to do. */
  #place(change: ObjectChange, cause: Cause): readonly Subject[] {
    const subject = this.#inventory.subject(change.key);
    const wasPresent = subject.present;
    if (wasPresent && (change.after === undefined || change.uid !== subject.uid))
      this.#judge.close(subject, 'the object was deleted', cause);
    const { after } = change;
    this.#book.handOver(subject, after === undefined ? '' : ownerOf(after));
    if (isNamespace(change.key)) this.#tally.nameOwner(change.key.name, subject.owner);
    if (after !== undefined) this.#judge.markChanged(subject, { ...change, after }, { dirt: this.#dirt, cause });
    if (wasPresent || after !== undefined) this.#inventory.place(subject, change, this.#waker(cause));
    if (after === undefined) this.#inventory.release(subject);
    return wasPresent || subject.present ? [subject] : [];
  }

  #settle(nowMs: number): readonly JudgedTransition[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.#dirt.markAll(this.#judge.takeDue(this.#nowMs), { type: 'deadline' });
    this.#judge.run(this.#dirt.take());
    const { transitions, unanswered } = this.#book.take();
    this.#unansweredChanges.push(...unanswered);
    return transitions.length < 2
      ? transitions
      : [...transitions].sort((a, b) => compareKeys(a.finding.object, b.finding.object));
  }

  #noteBlind(change: UnansweredChange): void {
    const { none, notAssessable } = outcomeCode;
    const [from, to] = change.state === 'answered' ? [notAssessable, none] : [none, notAssessable];
    this.#tally.move(change.control, nowhere, { code: from, open: 0 }, { code: to, open: 0 });
    this.#book.note(change);
  }

  #waker(cause: Cause): Wake {
    return (node) => this.#dirt.markAll(node.dependents, cause);
  }
}

/** Where a kind counts that cannot be seen. */
const nowhere: Place = { namespace: '', owner: '' };

function isNamespace({ group, kind }: ObjectKey): boolean {
  return kind === 'Namespace' && group === '';
}

/** The last change of each object with its position in the batch, in the order of these positions. */
function lastOfEach(
  batch: readonly ObjectChange[],
  inventory: Inventory,
): readonly (readonly [number, ObjectChange])[] {
  if (batch.length < 2) return [...batch.entries()];
  const last = new Map<Subject, number>();
  batch.forEach((change, index) => last.set(inventory.subject(change.key), index));
  return [...batch.entries()].filter(([index, change]) => last.get(inventory.subject(change.key)) === index);
}

function findingsOf(subject: Subject): readonly Finding[] {
  return toldBy(subject).flatMap(({ slot, outcome }) => {
    const { id, severity, title } = slot.control.meta;
    return outcome.violations.map(({ path, value, reason, exception }) => ({
      finding: { control: id, object: subject.key, uid: subject.uid, path },
      severity,
      title,
      value,
      reason,
      ...(exception === undefined ? {} : { exception }),
    }));
  });
}

function unansweredOf(subject: Subject): readonly Unanswered[] {
  return toldBy(subject).flatMap(({ slot, outcome }): readonly Unanswered[] => {
    const state = unansweredState(outcome);
    if (state === undefined) return [];
    return [{ control: slot.control.meta.id, object: subject.key, uid: subject.uid, state, reason: outcome.reason }];
  });
}
