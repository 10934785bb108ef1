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
import { createTally, type ScoreCard } from '../score/tally.ts';
import { type Blindness, createBlindness } from './blindness.ts';
import { type Covers, createCoverage } from './coverage.ts';
import { createDirt } from './dirt.ts';
import { createInventory, type Inventory } from './inventory.ts';
import { createJudge } from './judge.ts';
import { compareKeys, type ReadNode, type Subject } from './graph.ts';
import { outcomeCode, plainOutcome, verdictOf } from './outcome.ts';
import type { ObjectStore } from './object-store.ts';
import { createRoster } from './roster.ts';
import { createRecordingView } from './tracked-view.ts';
import {
  type Cause,
  createVerdictBook,
  type Finding,
  type JudgedTransition,
  type KnownFinding,
  toldBy,
  type Unanswered,
  type UnansweredChange,
  unansweredState,
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
  /** Open findings, ordered by object, control, path. */
  findings(): readonly Finding[];
  findingsOf(key: ObjectKey): readonly Finding[];
  /** The verdict of one control on one object as it stands; undefined when it does not judge the object. */
  verdict(key: ObjectKey, control: string): Verdict | undefined;
  /** Verdicts that are unjudged or not-assessable now, ordered by object and control. */
  unanswered(): readonly Unanswered[];
  /** What became different in `unanswered` since this was last called. */
  takeUnansweredChanges(): readonly UnansweredChange[];
  score(): ScoreCard;
  /** The next time (ms since the Unix epoch) at which an answer may change without a change: call apply([], now) then. */
  deadline(): number | undefined;
};

export function createEngine({ controls, covers = () => true, store }: EngineOptions): Engine {
  const tally = createTally();
  const book = createVerdictBook(tally);
  const inventory = createInventory(store);
  const coverage = createCoverage(covers);
  const roster = createRoster(controls);
  const dirt = createDirt();
  let nowMs = 0;
  let changes: UnansweredChange[] = [];
  const view = createRecordingView({ inventory, coverage, nowMs: () => nowMs });
  const judge = createJudge({ inventory, view, book, roster });
  const blindness = createBlindness(coverage, (change) => book.note(change));
  blindness.refresh(roster);

  const waker = (cause: Cause) => (node: ReadNode) => dirt.markAll(node.dependents, cause);

  function place(change: ObjectChange, cause: Cause): Subject | undefined {
    const subject = inventory.subject(change.key);
    if (!subject.present && change.after === undefined) {
      inventory.release(subject);
      return undefined;
    }
    if (subject.present && (change.after === undefined || change.uid !== subject.uid))
      judge.close(subject, 'the object was deleted', cause);
    inventory.place(subject, change, waker(cause));
    if (subject.present) dirt.markSubject(subject, cause);
    else inventory.release(subject);
    return subject;
  }

  function settle(atMs: number): readonly JudgedTransition[] {
    nowMs = Math.max(nowMs, atMs);
    dirt.markAll(judge.takeDue(nowMs), { type: 'deadline' });
    judge.run(dirt.take());
    const taken = book.take();
    changes.push(...taken.unanswered);
    return [...taken.transitions].sort((a, b) => compareKeys(a.finding.object, b.finding.object));
  }

  return {
    restore(known) {
      for (const subject of judge.restore(known)) dirt.markSubject(subject, { type: 'bundle' });
    },
    load(objects) {
      const placed: Subject[] = [];
      for (const change of objects) {
        const subject = place(change, { type: 'bundle' });
        if (subject !== undefined) placed.push(subject);
      }
      inventory.letGo(placed);
    },
    apply(batch, atMs) {
      const placed: Subject[] = [];
      for (const [index, change] of lastOfEach(batch, inventory)) {
        const subject = place(change, { type: 'change', index });
        if (subject !== undefined) placed.push(subject);
      }
      const transitions = settle(atMs);
      inventory.letGo(placed);
      return transitions;
    },
    refreshCoverage(atMs) {
      coverage.refresh(waker({ type: 'coverage' }));
      blindness.refresh(roster);
      return settle(atMs);
    },
    setControls(next, atMs) {
      judge.changeControls(roster.replace(next), dirt);
      blindness.refresh(roster);
      return settle(atMs);
    },
    findings: () => roster.kinds().flatMap((kind) => inventory.members(kind).flatMap(findingsOf)),
    findingsOf(key) {
      const subject = inventory.find(key);
      return subject === undefined ? [] : findingsOf(subject);
    },
    verdict(key, control) {
      const verdicts = inventory.find(key)?.verdicts;
      const slot = verdicts?.slots.find((one) => one.control.meta.id === control);
      return slot === undefined
        ? undefined
        : verdictOf(verdicts?.told?.get(control) ?? plainOutcome(verdicts?.codes[slot.position] ?? outcomeCode.none));
    },
    unanswered: () => unansweredIn(inventory, blindness, roster.kinds()),
    takeUnansweredChanges() {
      const taken = changes;
      changes = [];
      return taken;
    },
    score: () => tally.score((id) => roster.control(id)?.meta),
    deadline: () => judge.nextDeadline(),
  };
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
    return outcome.violations.map(({ path, value, reason }) => ({
      finding: { control: id, object: subject.key, uid: subject.uid, path },
      severity,
      title,
      value,
      reason,
    }));
  });
}

function unansweredIn(
  inventory: Inventory,
  blindness: Blindness,
  kinds: readonly { readonly group: string; readonly kind: string }[],
): readonly Unanswered[] {
  return kinds.flatMap((kind) => [
    ...blindness.of(kind),
    ...inventory.members(kind).flatMap((subject) =>
      toldBy(subject).flatMap(({ slot, outcome }): readonly Unanswered[] => {
        const state = unansweredState(outcome);
        return state === undefined
          ? []
          : [{ control: slot.control.meta.id, object: subject.key, uid: subject.uid, state, reason: outcome.reason }];
      }),
    ),
  ]);
}
