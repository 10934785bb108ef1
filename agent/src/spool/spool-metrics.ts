/** Figures of the spool. metrics.ts makes the real ones; units are in the names. */
export type SpoolMetrics = {
  appended(messages: number, batchBytes: number): void;
  committedInSeconds(seconds: number): void;
  evicted(messages: number): void;
  damaged(messages: number): void;
  writeFailed(): void;
};

export const noSpoolMetrics: SpoolMetrics = {
  appended: () => undefined,
  committedInSeconds: () => undefined,
  evicted: () => undefined,
  damaged: () => undefined,
  writeFailed: () => undefined,
};
