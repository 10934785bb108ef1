/**
 * How long to wait before another attempt: random between 0 and a ceiling that doubles with each failure ("full jitter"),
 * so that agents which lost the same collector do not come back together; never less than the other side asked for.
 */
export type Backoff = {
  nextDelayMs(leastMs?: number): number;
  reset(): void;
};

export function createBackoff(
  limits: { readonly baseMs: number; readonly maxMs: number },
  random: () => number = Math.random,
): Backoff {
  let failures = 0;
  return {
    nextDelayMs(leastMs = 0) {
      const ceilingMs = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(failures, 30));
      failures += 1;
      return Math.round(leastMs + random() * ceilingMs);
    },
    reset() {
      failures = 0;
    },
  };
}
