import { setTimeout as sleep } from 'node:timers/promises';

/** @param waitMs undefined waits for ever */
export async function awaitUntil(event: Promise<void>, waitMs: number | undefined): Promise<void> {
  if (waitMs === undefined) return event;
  const timer = new AbortController();
  const timeout = sleep(Math.max(0, waitMs), undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([event, timeout]);
  timer.abort();
}
