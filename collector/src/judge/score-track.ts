/**
 * The points of one scope's score: what a fall is counted from. A function of the points alone, so that a collector that
 * starts again goes on as the one before.
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
  /** Points that no later one is as high as, oldest first: the first within the window is the highest. */
  #peaks: Point[] = [];

  constructor(limits: ScoreLimits) {
    this.#limits = limits;
  }

  add(point: Point): void {
    this.#peaks = point.isBaseline ? [] : this.#recentPeaks(point.atUs).filter(({ score }) => score > point.score);
    this.#peaks.push(point);
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
