/** Repeats a store call until it succeeds or is refused. Backoff doubles up to a ceiling, with jitter. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { logEvents } from '../log-events.ts';
import { TimelineError } from '../timeline-error.ts';
import { attempt } from './classify-failure.ts';

export type RetryPolicy = { readonly firstBackoffMs: number; readonly maxBackoffMs: number };

export const defaultRetryPolicy: RetryPolicy = { firstBackoffMs: 50, maxBackoffMs: 5_000 };

export type RetryScope = {
  readonly policy: RetryPolicy;
  readonly logger: Logger;
  /** Aborted when the owner closes. */
  readonly signal: AbortSignal;
  /** 0 ≤ random() < 1 */
  readonly random: () => number;
};

/** Throws TimelineError 'store-refused' | 'closed'; never gives up otherwise. `what` names the call in logs and errors. */
export async function untilDone<T>(what: string, scope: RetryScope, call: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    if (scope.signal.aborted) throw closed(what);
    const result = await attempt(call);
    switch (result.outcome) {
      case 'success':
        if (failures > 0) scope.logger.info({ call: what, failures }, logEvents.insertRecovered);
        return result.value;
      case 'refused':
        scope.logger.error({ call: what, err: result.cause }, logEvents.insertRefused);
        throw new TimelineError(
          'store-refused',
          `The store refuses ${what}: check its schema (migrations) and the user's grants. Nothing after this is recorded.`,
          { cause: result.cause },
        );
      case 'retryable':
        await backOff(what, scope, { failures, cause: result.cause });
    }
  }
}

async function backOff(what: string, scope: RetryScope, failure: { failures: number; cause: unknown }): Promise<void> {
  const { firstBackoffMs, maxBackoffMs } = scope.policy;
  const ceilingMs = Math.min(firstBackoffMs * 2 ** Math.min(failure.failures, 20), maxBackoffMs);
  const waitMs = Math.round(ceilingMs * (0.5 + scope.random() / 2));
  scope.logger.warn(
    { call: what, failures: failure.failures + 1, waitMs, err: failure.cause },
    logEvents.insertRetried,
  );
  try {
    await sleep(waitMs, undefined, { signal: scope.signal });
  } catch {
    throw closed(what);
  }
}

function closed(what: string): TimelineError {
  return new TimelineError(
    'closed',
    `The timeline writer was closed while ${what} was waiting; nothing was acknowledged.`,
  );
}
