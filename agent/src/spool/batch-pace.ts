import type { SpoolLimits } from './spool-options.ts';

/** What waits for its batch: `oldestAtMs` is when the first of it came. */
type Waiting = { readonly bytes: number; readonly oldestAtMs: number };

/**
 * When the next batch goes. Each takes a write, a sync, a frame and an acknowledgement, however little is in it: while
 * changes come one by one these cost more than the changes. So what comes into quiet goes soon, and what follows
 * closely waits for company.
 */
export class BatchPace {
  readonly #limits: SpoolLimits;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: SpoolLimits) {
    this.#limits = limits;
  }

  /** Batches were cut. */
  went(nowMs: number): void {
    this.#lastAtMs = nowMs;
  }

  /** How long what waits has still to wait; 0 or less: it goes now. */
  leftMs({ bytes, oldestAtMs }: Waiting, nowMs: number): number {
    const { batchMaxBytes, batchMaxAgeMs, smallBatchBytes, smallBatchIntervalMs } = this.#limits;
    if (bytes >= batchMaxBytes) return 0;
    const ripeAtMs = oldestAtMs + batchMaxAgeMs;
    const dueAtMs = bytes < smallBatchBytes ? Math.max(ripeAtMs, this.#lastAtMs + smallBatchIntervalMs) : ripeAtMs;
    return dueAtMs - nowMs;
  }

  /** Whether more bytes made what waits go sooner. */
  hastens(bytesBefore: number, bytes: number): boolean {
    const { batchMaxBytes, smallBatchBytes } = this.#limits;
    return bytes >= batchMaxBytes || (bytesBefore < smallBatchBytes && bytes >= smallBatchBytes);
  }
}
