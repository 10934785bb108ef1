/** How often the scores of a cluster are written down, of how much, and what counts as a regression. */
export type ScoreLimits = {
  /**
   * A cluster whose last points are this old gets the next ones at once; else all that moved waits until then, and is
   * written at one moment. A regression does not wait, and takes along what does.
   */
  readonly pointIntervalMs: number;
  /** This many moments with points within `burstMs` need not wait: a few changes in a row each show. */
  readonly burstMoments: number;
  readonly burstMs: number;
  /** A fall by as many points (of 100) within `regressionWindowMs` is a regression. */
  readonly regressionPoints: number;
  readonly regressionWindowMs: number;
  /** Findings and changes that a regression names at most; all are counted. */
  readonly regressionCauses: number;
  /** Findings that are remembered as possible causes; the oldest are forgotten first. */
  readonly rememberedCauses: number;
  /** Namespaces of a cluster whose scores are recorded; those that come later are left out and counted. */
  readonly namespaces: number;
  /** The same for owners. */
  readonly owners: number;
};

export const defaultScoreLimits: ScoreLimits = {
  pointIntervalMs: 60_000,
  burstMoments: 5,
  burstMs: 600_000,
  regressionPoints: 5,
  regressionWindowMs: 3_600_000,
  regressionCauses: 20,
  rememberedCauses: 20_000,
  namespaces: 2_000,
  owners: 500,
};
