/**
 * The incremental engine of one cluster, fed from the inventory; its answers become rows with their cause. Judging never
 * throws and never holds up recording: what fails here is an unjudged row with its error.
 */
import { createEngine, exceptControls } from '@driftline/policy';
import type {
  CompiledControl,
  Engine,
  Exception,
  GroupKind,
  JudgedTransition,
  KnownFinding,
  ObjectChange,
  ObjectKey,
} from '@driftline/policy';
import { objectKey } from '@driftline/proto';
import type { CoverageState } from '@driftline/proto';
import type { At, BatchRows } from '../batch-rows.ts';
import type { JudgedBefore } from '../cluster-memory.ts';
import { sha256 } from '../inventory/hash.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { TransitionRow, VersionRow } from '../timeline/rows.ts';
import type { ClusterId } from '../timeline/timeline.ts';
import { defaultChangeBookLimits, openChangeBook } from './change-book.ts';
import type { ChangeBook, ChangeBookDeps, ChangeBookLimits } from './change-book.ts';
import { ClusterScores } from './cluster-scores.ts';
import type { ClusterScoresOptions } from './cluster-scores.ts';
import { defaultScoreLimits } from './score-limits.ts';
import type { ScoreLimits } from './score-limits.ts';
import { createUnjudgedBook } from './unjudged-book.ts';
import type { UnjudgedBook } from './unjudged-book.ts';

export type PolicyBundle = {
  readonly controls: readonly CompiledControl[];
  readonly exceptions?: readonly Exception[];
  /** Digest or version that names exactly these controls; recorded with every transition. */
  readonly version: string;
};

export type ClusterJudge = {
  /** What this bundle says of the recovered objects and was not recorded before. Called once, first. */
  begin(at: At, rows: BatchRows): void;
  /** Judges by another bundle from now on, and again what that changes. */
  adopt(bundle: PolicyBundle, at: At, rows: BatchRows): void;
  change(change: ObjectChange, at: At & Pick<VersionRow, 'op' | 'paths'>, rows: BatchRows): void;
  coverage(kind: GroupKind, state: CoverageState, at: At, rows: BatchRows): void;
  /** Last said of the kind. */
  coverageOf(kind: GroupKind): CoverageState | undefined;
  /** Judges what has come due at `nowMs`. */
  deadline(nowMs: number, at: At, rows: BatchRows): void;
  /** Milliseconds since the Unix epoch, or undefined when no answer depends on time. */
  nextDeadlineMs(): number | undefined;
  /** Points of the scores that differ from the recorded ones and need not wait, and regressions. */
  scores(at: At, rows: BatchRows): void;
  /** When a score that waits may be written, milliseconds since the Unix epoch; undefined: none waits. */
  scoresDueMs(): number | undefined;
  readonly engine: Engine;
  /** What is said of changes, apart from what is found of states. */
  readonly changes: ChangeBook;
};

export type JudgeDeps = {
  readonly bundle: PolicyBundle;
  readonly onFailure: (error: unknown, id: ClusterId) => void;
  readonly onScoreLeftOut?: ClusterScoresOptions['onLeftOut'];
  readonly onChangeDropped?: (id: ClusterId, ...dropped: Parameters<ChangeBookDeps['onDropped']>) => void;
  readonly scoreLimits?: ScoreLimits;
  readonly changeLimits?: ChangeBookLimits;
};

/** Characters that tell a finding from another: 128 bits. */
const findingIdCharacters = 32;

export const findingIdOf = (id: ClusterId, finding: JudgedTransition['finding']): string => {
  const { group, kind, namespace, name } = finding.object;
  const parts = [id.tenant, id.cluster, finding.control, group, kind, namespace, name, finding.uid, finding.path];
  return sha256(JSON.stringify(parts)).slice(0, findingIdCharacters);
};

const knownFinding = (row: TransitionRow): KnownFinding => {
  const { control, group, kind, namespace, name, uid, path, state, severity, title, value, reason } = row;
  const object: ObjectKey = { group, kind, namespace, name };
  return { finding: { control, object, uid, path }, state, severity, title, value, reason };
};

const isVisible = (state: CoverageState | undefined): boolean =>
  state === undefined || state === 'watched' || state === 'gone';

const kindKey = ({ group, kind }: GroupKind): string => `${group}/${kind}`;

const msOf = (at: At): number => Math.floor(at.observedAtUs / 1000);

const objectsOf = function* (inventory: Inventory): Generator<ObjectChange> {
  for (const key of inventory.keys()) {
    const entry = inventory.get(key);
    const after = inventory.object(key);
    if (entry === undefined || after === undefined) continue;
    const { group, kind, namespace, name, uid } = entry.ref;
    yield { key: { group, kind, namespace, name }, uid, after, digest: entry.contentHash };
  }
};

const storeOf = (inventory: Inventory) => ({
  get: ({ group, kind, namespace, name }: ObjectKey) => {
    const resource = inventory.resourceOf(group, kind);
    return resource === undefined ? undefined : inventory.shared(objectKey({ group, resource, namespace, name }));
  },
});

class EngineOfCluster implements ClusterJudge {
  readonly engine: Engine;
  readonly changes: ChangeBook;
  readonly #deps: JudgeDeps;
  readonly #id: ClusterId;
  readonly #coverage: Map<string, CoverageState>;
  readonly #scores: ClusterScores;
  readonly #unjudged: UnjudgedBook;
  #bundle: PolicyBundle;

  constructor(deps: JudgeDeps, id: ClusterId, inventory: Inventory, before: JudgedBefore) {
    const { bundle } = deps;
    this.#deps = deps;
    this.#id = id;
    this.#coverage = new Map(before.coverage.map((row) => [kindKey(row), row.state]));
    this.#bundle = bundle;
    this.#unjudged = createUnjudgedBook(before.unjudged, () => this.#bundle.version);
    const covers = (kind: GroupKind): boolean => isVisible(this.#coverage.get(kindKey(kind)));
    this.engine = createEngine({ controls: controlsOf(bundle, id), covers, store: storeOf(inventory) });
    const { changeLimits: limits = defaultChangeBookLimits } = deps;
    const onFailure = (error: unknown): void => deps.onFailure(error, id);
    const onDropped: ChangeBookDeps['onDropped'] = (...dropped) => deps.onChangeDropped?.(id, ...dropped);
    const book = { id, bundle, inventory, covers, limits, onFailure, onDropped };
    this.changes = openChangeBook(book, before.openVerdicts);
    this.#scores = new ClusterScores({
      engine: this.engine,
      before,
      bundle: () => this.#bundle,
      limits: deps.scoreLimits ?? defaultScoreLimits,
      onLeftOut: deps.onScoreLeftOut ?? (() => {}),
    });
    this.engine.restore(before.findings.map(knownFinding));
    this.engine.load(objectsOf(inventory));
  }

  begin(at: At, rows: BatchRows): void {
    this.#guarded(at, rows, () => this.engine.apply([], msOf(at)));
    this.#unjudged.clearAllBut(this.engine.unanswered(), at, rows);
  }

  adopt(bundle: PolicyBundle, at: At, rows: BatchRows): void {
    if (bundle === this.#bundle) return;
    this.#bundle = bundle;
    this.changes.adopt(bundle);
    this.#guarded(at, rows, () => this.engine.setControls(controlsOf(bundle, this.#id), msOf(at)));
  }

  change(change: ObjectChange, at: At & Pick<VersionRow, 'op' | 'paths'>, rows: BatchRows): void {
    this.#guarded(at, rows, () => this.engine.apply([change], msOf(at)));
    // The same rule as the log's: a snapshot with other content than before is a change.
    const isFirstSight = at.op === 'snapshot' && at.paths.length === 0;
    this.#scores.judged({ changeId: `${rows.stream.epoch}:${at.sequence}`, isFirstSight });
  }

  coverage(kind: GroupKind, state: CoverageState, at: At, rows: BatchRows): void {
    const key = kindKey(kind);
    const isChanged = isVisible(this.#coverage.get(key)) !== isVisible(state);
    this.#coverage.set(key, state);
    if (isChanged) this.#guarded(at, rows, () => this.engine.refreshCoverage(msOf(at)));
  }

  coverageOf(kind: GroupKind): CoverageState | undefined {
    return this.#coverage.get(kindKey(kind));
  }

  deadline(nowMs: number, at: At, rows: BatchRows): void {
    this.#guarded(at, rows, () => this.engine.apply([], nowMs));
  }

  nextDeadlineMs(): number | undefined {
    return this.engine.deadline();
  }

  scoresDueMs(): number | undefined {
    return this.#scores.dueMs();
  }

  scores(at: At, rows: BatchRows): void {
    this.#scores.record(at, rows);
  }

  /** The engine promises not to throw; recording does not rely on it. */
  #guarded(at: At, rows: BatchRows, judge: () => readonly JudgedTransition[]): void {
    try {
      this.#record(judge(), at, rows);
    } catch (error) {
      this.#deps.onFailure(error, this.#id);
      this.#unjudged.engineFailed(error, at, rows);
    }
  }

  #record(transitions: readonly JudgedTransition[], at: At, rows: BatchRows): void {
    const last = rows.transitions.at(-1);
    let index = last !== undefined && last.sequence === at.sequence ? last.index + 1 : 0;
    for (const transition of transitions) {
      const { afterOwn } = rows;
      const row = transitionRow(this.#id, transition, { ...at, afterOwn, index, bundle: this.#bundle.version });
      this.#scores.moved(row, rows.stream.epoch);
      rows.transitions.push(row);
      index += 1;
    }
    this.#unjudged.note(this.engine.takeUnansweredChanges(), at, rows);
  }
}

const controlsOf = ({ controls, exceptions = [] }: PolicyBundle, { cluster }: ClusterId) =>
  exceptControls(controls, exceptions, cluster);

const transitionRow = (
  id: ClusterId,
  { finding, cause, state, severity, title, value, reason }: JudgedTransition,
  { sequence, index, observedAtUs, bundle, afterOwn }: At & Pick<TransitionRow, 'index' | 'bundle' | 'afterOwn'>,
): TransitionRow => ({
  sequence,
  index,
  findingId: findingIdOf(id, finding),
  state,
  control: finding.control,
  severity,
  title,
  group: finding.object.group,
  kind: finding.object.kind,
  namespace: finding.object.namespace,
  name: finding.object.name,
  uid: finding.uid,
  path: finding.path,
  value,
  reason,
  bundle,
  cause: cause.type,
  atUs: observedAtUs,
  afterOwn,
});

export const openClusterJudge = (
  deps: JudgeDeps,
  id: ClusterId,
  inventory: Inventory,
  before: JudgedBefore,
): ClusterJudge => new EngineOfCluster(deps, id, inventory, before);
