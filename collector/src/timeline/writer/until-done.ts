/** Repeats a store call until it succeeds, with backoff. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs } from '../../backoff.ts';
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
  /** Told of each failed attempt. */
  readonly onFailure?: ((outcome: 'retryable' | 'refused') => void) | undefined;
};

/**
 * Never gives up: what the store refuses (schema, grants) an operator can put right while it runs, and until then the
 * agents' spools hold on. Throws TimelineError 'closed' only. `what` names the call in logs and errors.
 */
export async function untilDone<T>(what: string, scope: RetryScope, call: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    if (scope.signal.aborted) throw closed(what);
    const result = await attempt(call);
    if (result.outcome === 'success') {
      if (failures > 0) scope.logger.info({ call: what, failures }, logEvents.insertRecovered);
      return result.value;
    }
    scope.onFailure?.(result.outcome);
    await backOff(what, scope, { failures: failures + 1, ...result });
  }
}

type Failure = { readonly failures: number; readonly outcome: 'retryable' | 'refused'; readonly cause: unknown };

async function backOff(what: string, scope: RetryScope, { failures, outcome, cause }: Failure): Promise<void> {
  const { firstBackoffMs: firstMs, maxBackoffMs: maxMs } = scope.policy;
  const waitMs = backoffMs({ firstMs, maxMs }, failures, scope.random());
  const fields = { call: what, failures, waitMs, err: cause };
  if (outcome === 'refused') scope.logger.error(fields, logEvents.insertRefused);
  else scope.logger.warn(fields, logEvents.insertRetried);
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
