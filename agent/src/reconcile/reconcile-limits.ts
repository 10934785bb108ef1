export type ReconcileLimits = {
  /** Between two self-checks of all kinds, give or take a fifth; 0: none. */
  readonly selfCheckIntervalMs: number;
  /** How often is looked what is due. A self-check takes one kind each time. */
  readonly tickIntervalMs: number;
  /** From the record of a digest to its being sent again when no verdict has come. */
  readonly verdictTimeoutMs: number;
  /** The longest pause before a kind that does not agree is compared again. */
  readonly retryMaxMs: number;
  /** Comparisons of one kind in a row that did not agree; then it rests. */
  readonly roundsAtOnce: number;
};

export const defaultReconcileLimits: ReconcileLimits = {
  selfCheckIntervalMs: 3_600_000,
  tickIntervalMs: 500,
  verdictTimeoutMs: 15_000,
  retryMaxMs: 600_000,
  roundsAtOnce: 8,
};
