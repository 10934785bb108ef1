/** Pauses between attempts: doubling up to a limit, random between half and whole so that clients do not march in step. */
export type Backoff = {
  /** The next pause in ms, at least what the server asked for. */
  nextMs(retryAfterMs?: number): number;
  /** Failures since the last success. */
  attempts(): number;
  succeeded(): void;
};

type Options = { readonly baseMs: number; readonly maxMs: number; readonly random: () => number };

export function createBackoff({ baseMs, maxMs, random }: Options): Backoff {
  let attempts = 0;
  return {
    nextMs(retryAfterMs = 0) {
      const whole = Math.min(maxMs, baseMs * 2 ** Math.min(attempts, 20));
      attempts++;
      const pause = whole * (0.5 + random() / 2);
      // Clients that were all told the same second must not all come back in it.
      return Math.max(pause, retryAfterMs * (1 + random() / 4));
    },
    attempts: () => attempts,
    succeeded() {
      attempts = 0;
    },
  };
}
