/**
 * The points of one scope's score: when the next may be written down, and what a fall is counted from. A function of the
 * points alone, so that a collector that starts again goes on as the one before.
 */
import type { ScoreLimits } from './score-limits.ts';

export type Point = {
  readonly atUs: number;
  readonly score: number;
  /** Falls are counted from here anew. */
  readonly isBaseline: boolean;
};

export class ScoreTrack {
  readonly #limits: ScoreLimits;
  /** Moments of the last points, oldest first; as many as a burst has. */
  #times: readonly number[] = [];
  /** Points that no later one is as high as, oldest first: the first within the window is the highest. */
  #peaks: Point[] = [];

  constructor(limits: ScoreLimits) {
    this.#limits = limits;
  }

  add(point: Point): void {
    const { burstPoints } = this.#limits;
    this.#times = [...this.#times, point.atUs].slice(-burstPoints);
    this.#peaks = point.isBaseline ? [] : this.#recentPeaks(point.atUs).filter(({ score }) => score > point.score);
    this.#peaks.push(point);
  }

  /** The moment from which the next point may be written; a clock that went backwards holds nothing up. */
  dueUs(nowUs: number): number {
    const { pointIntervalMs, burstPoints, burstMs } = this.#limits;
    const last = this.#times.at(-1);
    const [first] = this.#times;
    if (last === undefined || first === undefined || this.#times.length < burstPoints || nowUs < last) return 0;
    return Math.min(last + pointIntervalMs * 1000, first + burstMs * 1000);
  }

  /** What a fall to this score is a regression from; undefined: it is none. */
  fallsFrom(score: number, nowUs: number): Point | undefined {
    const [peak] = this.#recentPeaks(nowUs);
    // Scores have two decimals: their difference is compared in hundredths.
    const fall = peak === undefined ? 0 : Math.round((peak.score - score) * 100);
    return fall >= this.#limits.regressionPoints * 100 ? peak : undefined;
  }

  #recentPeaks(nowUs: number): Point[] {
    return this.#peaks.filter(({ atUs }) => nowUs - atUs <= this.#limits.regressionWindowMs * 1000);
  }
}
