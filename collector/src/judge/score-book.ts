/**
 * What of the moving scores is written down: points, not more often than the limits allow, and regressions. All scopes
 * are written at one moment: at any time their last points are what was true together, and parts add up to the whole. A
 * function of the scores in their order and of the points before, so that the same batches make the same rows after a restart.
 */
import type { Score } from '@driftline/policy';
import type { PostureRow, RegressionRow } from '../timeline/rows.ts';
import { PointLimiter } from './point-limiter.ts';
import type { ScoreLimits } from './score-limits.ts';
import { type Point, ScoreTrack } from './score-track.ts';

/** Types of scopes that are as many as a cluster cares to have. */
export type BoundedScope = 'namespace' | 'owner';

export type ScoreMoment = Pick<PostureRow, 'sequence' | 'atUs' | 'afterOwn'> & {
  readonly bundle: string;
  /** Findings opened after the moment that count for the scope, heaviest first. */
  readonly causesOf: (scope: string, sinceUs: number) => readonly { findingId: string; changeId: string }[];
};

/** What moved the scores: a change of an object, or (changeId '') something else. */
export type Mover = { readonly changeId: string; readonly isFirstSight: boolean };

export type ScoreBookOptions = {
  /** The last point of every scope. */
  readonly recorded: readonly PostureRow[];
  /** Points of the regression window, oldest first. */
  readonly recent: readonly PostureRow[];
  readonly limits: ScoreLimits;
  /** A scope that has no place is left out from now on. */
  readonly onLeftOut: (type: BoundedScope) => void;
};

type Waiting = {
  score: Score;
  /** Objects of it were seen for the first time: falls mean nothing until its next point. */
  isRebased: boolean;
  readonly loweredBy: Set<string>;
};

export class ScoreBook {
  readonly #options: ScoreBookOptions;
  readonly #last: Map<string, PostureRow>;
  readonly #limiter: PointLimiter;
  readonly #tracks = new Map<string, ScoreTrack>();
  /** Scores that may differ from the last point. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #places: Readonly<Record<BoundedScope, Set<string>>> = { namespace: new Set(), owner: new Set() };
  readonly #leftOut = new Set<string>();

  constructor(options: ScoreBookOptions) {
    this.#options = options;
    this.#limiter = new PointLimiter(options.limits);
    this.#last = new Map(options.recorded.map((row) => [row.scope, row]));
    for (const row of options.recorded) this.#holdPlace(row);
    const recent = new Set(options.recent.map(({ scope }) => scope));
    for (const row of options.recorded) if (!recent.has(row.scope)) this.#trackOf(row.scope).add(row);
    for (const row of options.recent) {
      this.#trackOf(row.scope).add(row);
      this.#limiter.add(row.atUs);
    }
  }

  note(scores: readonly Score[], { changeId, isFirstSight }: Mover): void {
    const { regressionCauses } = this.#options.limits;
    for (const score of scores) {
      const { scope } = score;
      const waiting = this.#waiting.get(scope);
      const before = waiting?.score ?? this.#last.get(scope);
      const now = waiting ?? { score, isRebased: false, loweredBy: new Set<string>() };
      const isLower = before !== undefined && score.score < before.score;
      if (isLower && changeId !== '' && now.loweredBy.size < regressionCauses) now.loweredBy.add(changeId);
      now.score = score;
      now.isRebased ||= isFirstSight;
      this.#waiting.set(scope, now);
    }
  }

  /** The rows of this moment: of all scores that wait, or of none. */
  take(moment: ScoreMoment): {
    readonly points: readonly PostureRow[];
    readonly regressions: readonly RegressionRow[];
  } {
    const points: PostureRow[] = [];
    const regressions: RegressionRow[] = [];
    for (const [scope, { score }] of this.#waiting)
      if (isSame(this.#last.get(scope), score)) this.#waiting.delete(scope);
    if (!this.#isWritten(moment.atUs)) return { points, regressions };
    const all = [...this.#waiting.values()].sort((a, b) => (a.score.scope < b.score.scope ? -1 : 1));
    this.#waiting.clear();
    for (const waiting of all) {
      const { score, isRebased } = waiting;
      if (!this.#isAdmitted(score)) continue;
      const peak = this.#fall(waiting, moment.atUs);
      const point = pointRow(score, moment, isRebased || peak !== undefined);
      this.#last.set(score.scope, point);
      this.#holdPlace(point);
      this.#trackOf(score.scope).add(point);
      this.#limiter.add(point.atUs);
      points.push(point);
      if (peak !== undefined)
        regressions.push(this.#regression(waiting, { fromScore: peak.score, fromAtUs: peak.atUs }, moment));
    }
    return { points, regressions };
  }

  /** When the scores that wait may be written; undefined: none waits. */
  dueUs(): number | undefined {
    return this.#waiting.size === 0 ? undefined : this.#limiter.dueUs(Number.POSITIVE_INFINITY);
  }

  /** Whether what waits is written now: its time has come, or a scope that has a place fell. */
  #isWritten(nowUs: number): boolean {
    if (this.#limiter.dueUs(nowUs) <= nowUs) return true;
    return [...this.#waiting.values()].some(
      (waiting) => !this.#lacksPlace(waiting.score.scope) && this.#fall(waiting, nowUs) !== undefined,
    );
  }

  /** What the score is a regression from; undefined: it is none. */
  #fall({ score: { scope, score }, isRebased }: Waiting, nowUs: number): Point | undefined {
    return isRebased || scope.startsWith('control:') ? undefined : this.#trackOf(scope).fallsFrom(score, nowUs);
  }

  #regression(
    { score: { scope, score }, loweredBy }: Waiting,
    from: Pick<RegressionRow, 'fromScore' | 'fromAtUs'>,
    { sequence, atUs, afterOwn, bundle, causesOf }: ScoreMoment,
  ): RegressionRow {
    const { regressionCauses } = this.#options.limits;
    const causes = causesOf(scope, from.fromAtUs);
    const named = causes.slice(0, regressionCauses);
    const changeIds = new Set([...named.map(({ changeId }) => changeId), ...loweredBy].filter((id) => id !== ''));
    return {
      sequence,
      scope,
      ...from,
      score,
      causes: causes.length,
      findingIds: named.map(({ findingId }) => findingId),
      changeIds: [...changeIds].slice(0, regressionCauses),
      bundle,
      atUs,
      afterOwn,
    };
  }

  /** Whether the scope has a place, or gets one; what is empty needs none. */
  #isAdmitted(score: Score): boolean {
    const { scope } = score;
    const isNew = !this.#last.has(scope);
    const type = boundedType(scope);
    const isWanted = !isEmpty(score);
    const isLeftOut = isWanted && this.#lacksPlace(scope);
    if (type !== undefined && isLeftOut !== this.#leftOut.has(scope)) {
      if (isLeftOut) this.#options.onLeftOut(type);
      if (isLeftOut) this.#leftOut.add(scope);
      else this.#leftOut.delete(scope);
    }
    return !isLeftOut && (isWanted || !isNew);
  }

  #lacksPlace(scope: string): boolean {
    const type = boundedType(scope);
    if (type === undefined || this.#places[type].has(scope)) return false;
    return this.#places[type].size >= this.#options.limits[`${type}s`];
  }

  #holdPlace(row: PostureRow): void {
    const type = boundedType(row.scope);
    if (type === undefined) return;
    if (isEmpty(row)) this.#places[type].delete(row.scope);
    else this.#places[type].add(row.scope);
  }

  #trackOf(scope: string): ScoreTrack {
    const known = this.#tracks.get(scope);
    if (known !== undefined) return known;
    const created = new ScoreTrack(this.#options.limits);
    this.#tracks.set(scope, created);
    return created;
  }
}

const counts = ['passing', 'failing', 'excepted', 'notAssessable', 'unjudged'] as const;
const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;

type Counted = Pick<PostureRow, (typeof counts)[number] | 'earned' | 'possible' | 'score' | 'openBySeverity'>;

function isSame(a: Counted | undefined, b: Counted): boolean {
  return (
    a !== undefined &&
    a.earned === b.earned &&
    a.possible === b.possible &&
    a.score === b.score &&
    counts.every((count) => a[count] === b[count]) &&
    severities.every((severity) => a.openBySeverity[severity] === b.openBySeverity[severity])
  );
}

/** Points from before there were counts have possible points only. */
function isEmpty(row: Counted): boolean {
  return row.possible === 0 && counts.every((count) => row[count] === 0);
}

function boundedType(scope: string): BoundedScope | undefined {
  if (scope.startsWith('namespace:')) return 'namespace';
  return scope.startsWith('owner:') ? 'owner' : undefined;
}

function pointRow(score: Score, { sequence, atUs, afterOwn }: ScoreMoment, isBaseline: boolean): PostureRow {
  const { scope, earned, possible, openBySeverity, passing, failing, excepted, notAssessable, unjudged } = score;
  const pairs = { passing, failing, excepted, notAssessable, unjudged };
  return {
    sequence,
    scope,
    earned,
    possible,
    score: score.score,
    openBySeverity,
    ...pairs,
    isBaseline,
    atUs,
    afterOwn,
  };
}
