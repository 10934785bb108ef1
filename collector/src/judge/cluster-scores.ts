/** The scores of one cluster as they move, the rows they become, and what a fall was due to. */
import type { Engine } from '@driftline/policy';
import type { At, BatchRows } from '../batch-rows.ts';
import type { JudgedBefore } from '../cluster-memory.ts';
import type { TransitionRow } from '../timeline/rows.ts';
import type { PolicyBundle } from './cluster-judge.ts';
import { createRecentCauses } from './recent-causes.ts';
import type { Cause, RecentCauses } from './recent-causes.ts';
import { ScoreBook } from './score-book.ts';
import type { BoundedScope, Mover } from './score-book.ts';
import type { ScoreLimits } from './score-limits.ts';

export type ClusterScoresOptions = {
  readonly engine: Pick<Engine, 'takeScoreChanges' | 'scopesOf'>;
  readonly before: Pick<JudgedBefore, 'findings' | 'posture' | 'recentPosture'>;
  readonly bundle: () => PolicyBundle;
  readonly limits: ScoreLimits;
  /** A namespace or an owner has no place among the scores that are recorded. */
  readonly onLeftOut: (type: BoundedScope) => void;
};

export class ClusterScores {
  readonly #options: ClusterScoresOptions;
  readonly #causes: RecentCauses;
  readonly #book: ScoreBook;

  constructor(options: ClusterScoresOptions) {
    const { before, limits, onLeftOut } = options;
    this.#options = options;
    this.#causes = createRecentCauses(limits);
    for (const row of before.findings.toSorted((a, b) => a.atUs - b.atUs)) this.#causes.move(row, row.epoch);
    this.#book = new ScoreBook({ recorded: before.posture, recent: before.recentPosture, limits, onLeftOut });
  }

  /** A finding moved. */
  moved(row: TransitionRow, epoch: string): void {
    this.#causes.move(row, epoch);
  }

  /** What was judged since the last call was due to this. */
  judged(mover: Mover = noChange): void {
    this.#book.note(this.#options.engine.takeScoreChanges(), mover);
  }

  /** Writes the points that need not wait, and regressions. */
  record({ sequence, observedAtUs }: At, rows: BatchRows): void {
    this.judged();
    const { points, regressions } = this.#book.take({
      sequence,
      atUs: observedAtUs,
      afterOwn: rows.afterOwn,
      bundle: this.#options.bundle().version,
      causesOf: this.#causesOf(),
    });
    rows.posture.push(...points);
    rows.regressions.push(...regressions);
  }

  /** When a score that waits may be written, milliseconds since the Unix epoch; undefined: none waits. */
  dueMs(): number | undefined {
    const dueUs = this.#book.dueUs();
    return dueUs === undefined ? undefined : Math.ceil(dueUs / 1000);
  }

  /** Which scopes a finding counts for is asked once, however many scores fell. */
  #causesOf(): (scope: string, sinceUs: number) => readonly Cause[] {
    const { engine, bundle } = this.#options;
    const scopes = new Map<string, ReadonlySet<string>>();
    const scopesOf = ({ findingId, object, control }: Cause): ReadonlySet<string> => {
      const known = scopes.get(findingId) ?? new Set(engine.scopesOf(object, control));
      scopes.set(findingId, known);
      return known;
    };
    const weights = new Map(bundle().controls.map(({ meta }) => [meta.id, meta.weight]));
    const weightOf = ({ control }: Cause): number => weights.get(control) ?? 0;
    return (scope, sinceUs) =>
      this.#causes
        .since(sinceUs)
        .filter((cause) => scopesOf(cause).has(scope))
        .toSorted((a, b) => weightOf(b) - weightOf(a) || (a.findingId < b.findingId ? -1 : 1));
  }
}

/** Time, policies and coverage move scores without a change of an object. */
const noChange: Mover = { changeId: '', isFirstSight: false };
