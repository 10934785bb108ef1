/**
 * A first list or a burst leaves memory behind that nobody uses: V8 collects only when something is to be made, and keeps
 * the pages it freed for the next burst. So when the agent has grown and then comes to rest, one thorough collection
 * gives it back to the system. It stops everything else for about 50 ms, and is made only where little else goes on.
 */
import type { Logger } from 'pino';
import { logEvents } from './log-events.ts';

export type MemoryLimits = {
  /** Between two looks; 0: nothing is ever given back. */
  readonly lookIntervalMs: number;
  /** Growth of resident memory since the last collection that is worth another one. */
  readonly worthwhileBytes: number;
  /** Between two looks the agent was at rest when it used less than this share of a core. */
  readonly restShare: number;
  /** Between two collections. */
  readonly leastIntervalMs: number;
};

export const defaultMemoryLimits: MemoryLimits = {
  lookIntervalMs: 1_000,
  worthwhileBytes: 12 * 1024 * 1024,
  restShare: 0.25,
  leastIntervalMs: 10_000,
};

export type MemoryPorts = {
  /** The most thorough collection there is; undefined where Node was started without --expose-gc: then nothing is done. */
  readonly collect: (() => void) | undefined;
  readonly residentBytes: () => number;
  /** CPU time that the process has used, in microseconds. */
  readonly cpuUs: () => number;
  /** Milliseconds of a clock that does not step. */
  readonly nowMs: () => number;
  readonly limits: MemoryLimits;
  readonly logger: Logger;
  /** Told of each collection. */
  readonly onCollected: (seconds: number) => void;
};

export type MemoryReturn = {
  /** Called by a timer, and by tests. */
  look(): void;
  close(): void;
};

export function openMemoryReturn(ports: MemoryPorts): MemoryReturn {
  const { collect, residentBytes, cpuUs, nowMs, limits, logger, onCollected } = ports;
  let leastBytes = residentBytes();
  let collectedAtMs = Number.NEGATIVE_INFINITY;
  let seen = { atMs: nowMs(), cpuUs: cpuUs() };

  function look(): void {
    const before = seen;
    seen = { atMs: nowMs(), cpuUs: cpuUs() };
    const isAtRest = seen.cpuUs - before.cpuUs < limits.restShare * (seen.atMs - before.atMs) * 1_000;
    if (collect === undefined || !isAtRest || seen.atMs - collectedAtMs < limits.leastIntervalMs) return;
    const grownBytes = residentBytes();
    leastBytes = Math.min(leastBytes, grownBytes);
    if (grownBytes - leastBytes < limits.worthwhileBytes) return;
    collect();
    leastBytes = residentBytes();
    collectedAtMs = seen.atMs;
    seen = { atMs: nowMs(), cpuUs: cpuUs() };
    const tookMs = seen.atMs - collectedAtMs;
    onCollected(tookMs / 1_000);
    logger.debug({ event: logEvents.memoryGivenBack, grownBytes, leastBytes, tookMs });
  }

  const timer = limits.lookIntervalMs === 0 ? undefined : setInterval(look, limits.lookIntervalMs);
  timer?.unref();
  return { look, close: () => clearInterval(timer) };
}
