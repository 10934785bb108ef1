/**
 * When the scores of a cluster may be written down next: one limiter for all of its scopes, so that the points of a moment
 * add up. A function of the moments of the points, so that a collector that starts again goes on as the one before.
 */
import type { ScoreLimits } from './score-limits.ts';

export class PointLimiter {
  readonly #limits: ScoreLimits;
  /** The last moments, oldest first; as many as a burst has. */
  #moments: readonly number[] = [];

  constructor(limits: ScoreLimits) {
    this.#limits = limits;
  }

  /** A point was written; those of one moment are one. */
  add(atUs: number): void {
    if (this.#moments.at(-1) === atUs) return;
    this.#moments = [...this.#moments, atUs].slice(-this.#limits.burstMoments);
  }

  /** The moment from which points may be written; a clock that went backwards holds nothing up. */
  dueUs(nowUs: number): number {
    const { pointIntervalMs, burstMoments, burstMs } = this.#limits;
    const last = this.#moments.at(-1);
    const [first] = this.#moments;
    if (last === undefined || first === undefined || this.#moments.length < burstMoments || nowUs < last) return 0;
    return Math.min(last + pointIntervalMs * 1000, first + burstMs * 1000);
  }
}
