/**
 * The hybrid logical clock of a stream: the wall clock while it advances, one microsecond past the previous stamp while
 * it does not. A stamp is always greater than the one before it, whatever the host's clock does.
 */
export function nextObservedUs(previousUs: number, wallClockUs: number): number {
  return Math.max(wallClockUs, previousUs + 1);
}
