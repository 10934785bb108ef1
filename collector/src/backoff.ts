/** Waits between attempts: doubling up to a ceiling, with jitter, so that those who wait do not all come back at once. */
import { setTimeout as sleep } from 'node:timers/promises';

export type Backoff = { readonly firstMs: number; readonly maxMs: number };

/** @param failures attempts that have failed, from 1; @param random 0 ≤ random < 1 */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number, random: number): number => {
  const ceilingMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 20), maxMs);
  return Math.round(ceilingMs * (0.5 + random / 2));
};

export type Patience = {
  readonly backoff: Backoff;
  /** 0 ≤ random() < 1 */
  readonly random: () => number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly onFailure: (failure: { readonly attempt: number; readonly waitMs: number; readonly error: unknown }) => void;
};

/** Resolves after `ms`, or sooner when the signal says so. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await sleep(ms, undefined, { signal }).catch(() => {});
};

/** Tries until it succeeds; undefined when the signal ended that. */
export const patiently = async <T>(
  work: () => Promise<T>,
  patience: Patience,
): Promise<{ readonly value: T } | undefined> => {
  const { backoff, random, signal, onFailure } = patience;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return { value: await work() };
    } catch (error) {
      if (signal.aborted) return undefined;
      const waitMs = backoffMs(backoff, attempt, random());
      onFailure({ attempt, waitMs, error });
      await pause(waitMs, signal);
    }
  }
  return undefined;
};
