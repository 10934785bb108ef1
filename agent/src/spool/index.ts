export { abandonEpoch, openSpool } from './open-spool.ts';
export { SpoolError } from './spool-error.ts';
export type { SpoolErrorCode } from './spool-error.ts';
export { noSpoolMetrics } from './spool-metrics.ts';
export type { SpoolMetrics } from './spool-metrics.ts';
export { defaultSpoolLimits } from './spool-options.ts';
export type { Loss, NumberedMessage, Spool, SpoolLimits, SpoolOptions, SpoolPosition } from './spool-options.ts';
