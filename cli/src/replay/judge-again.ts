/**
 * A recording judged by the engine that judges clusters: the state first, then record by record at the moments that these
 * were observed, so that the answers are those that the collector would have recorded. What is held is the cluster's
 * state (objects as text), whatever the length of the recording.
 */
import type { ApiRecord } from '@driftline/proto';
import {
  type CompiledControl,
  createEngine,
  type Engine,
  type FindingKey,
  type GroupKind,
  type JudgedTransition,
  type Severity,
} from '@driftline/policy';
import { changeIdOf } from './change-id.ts';
import { createSecondChangeJudge, type JudgedChange } from './judge-changes.ts';
import { createTextStore } from './text-store.ts';

export type JudgedMove = {
  readonly finding: FindingKey;
  readonly isOpen: boolean;
  readonly severity: Severity;
  readonly title: string;
  readonly reason: string;
  /** Microseconds since the Unix epoch. */
  readonly atUs: number;
  /** The change that caused it; null: time, coverage, or that it was so at the beginning. */
  readonly changeId: string | null;
};

export type VersionRecord = Extract<ApiRecord, { type: 'version' }>;
type CoverageRecord = Extract<ApiRecord, { type: 'coverage' }>;

export type SecondJudge = {
  /** What is there at the beginning; nothing is judged yet. */
  take(record: VersionRecord | CoverageRecord): void;
  /** What the beginning breaks. */
  begin(atUs: number): readonly JudgedMove[];
  judge(record: VersionRecord | CoverageRecord): readonly JudgedMove[];
  /** What is said of the version as a change; asked before it is judged, because the cluster before it counts. */
  judgeChange(record: VersionRecord): JudgedChange | undefined;
  /** What time alone has changed until then. */
  waitUntil(atUs: number): readonly JudgedMove[];
  readonly engine: Engine;
};

export function createSecondJudge(controls: readonly CompiledControl[]): SecondJudge {
  const coverage = new Map<string, CoverageRecord['state']>();
  const texts = createTextStore();
  const covers = ({ group, kind }: GroupKind): boolean => isVisible(coverage.get(`${group}/${kind}`));
  const engine = createEngine({
    controls: controls.filter(({ judges }) => judges !== 'change'),
    covers,
    store: texts,
  });
  const changes = createSecondChangeJudge(controls, { ...texts, covers });
  const moves = (transitions: readonly JudgedTransition[], atUs: number, changeId: string | null = null) => {
    // Told to nobody here, and kept until it is taken.
    engine.takeUnansweredChanges();
    return transitions.map((transition) =>
      moveOf(transition, atUs, transition.cause.type === 'change' ? changeId : null),
    );
  };
  const waitUntil = (atUs: number): readonly JudgedMove[] => {
    const due: JudgedMove[] = [];
    for (let last = -1; ; ) {
      const deadlineMs = engine.deadline();
      if (deadlineMs === undefined || deadlineMs === last || deadlineMs * 1_000 > atUs) return due;
      last = deadlineMs;
      due.push(...moves(engine.apply([], deadlineMs), deadlineMs * 1_000));
    }
  };
  const cover = ({ group, kind, state }: CoverageRecord): boolean => {
    const before = isVisible(coverage.get(`${group}/${kind}`));
    coverage.set(`${group}/${kind}`, state);
    return before !== isVisible(state);
  };

  return {
    engine,
    waitUntil,
    judgeChange: (record) => changes.judge(record, Math.floor(microseconds(record.at) / 1_000)),
    take(record) {
      if (record.type === 'coverage') cover(record);
      else engine.load([texts.place(record)]);
    },
    begin: (atUs) => moves(engine.apply([], Math.floor(atUs / 1_000)), atUs),
    judge(record) {
      const atUs = microseconds(record.at);
      const due = waitUntil(atUs);
      const nowMs = Math.floor(atUs / 1_000);
      if (record.type === 'version')
        return [...due, ...moves(engine.apply([texts.place(record)], nowMs), atUs, changeIdOf(record))];
      return cover(record) ? [...due, ...moves(engine.refreshCoverage(nowMs), atUs)] : due;
    },
  };
}

/** Not watched, and not simply gone, is not seen; of a kind that nothing was said of, nothing is known to be hidden. */
function isVisible(state: CoverageRecord['state'] | undefined): boolean {
  return state === undefined || state === 'watched' || state === 'gone';
}

/** Of the API's moments, which have six digits below the second. */
export function microseconds(at: string): number {
  return Date.parse(`${at.slice(0, 19)}Z`) * 1_000 + Number(at.slice(20).replace('Z', '').padEnd(6, '0'));
}

function moveOf(transition: JudgedTransition, atUs: number, changeId: string | null): JudgedMove {
  const { finding, state, severity, title, reason } = transition;
  const isOpen = state !== 'resolved' && state !== 'excepted';
  return { finding, isOpen, severity, title, reason, atUs, changeId };
}
