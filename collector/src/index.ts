/** What other programs and tests may build on. The flow is in pipeline.ts, the composition in collector.ts. */
export type { BatchHandler, BusReader, BusWriter, Feedback, StreamBatch } from './bus/bus.ts';
export { BusClosedError, defaultMemoryBusLimits, openMemoryBus } from './bus/memory-bus.ts';
export type { MemoryBus, MemoryBusLimits } from './bus/memory-bus.ts';
export type { ClusterMemory } from './cluster-memory.ts';
export { extractApproval } from './forensics/approval.ts';
export { createCorrelator, defaultCorrelatorLimits } from './forensics/correlate.ts';
export { classifyOrigin } from './forensics/origin.ts';
export { openClusterJudge } from './judge/cluster-judge.ts';
export type { ClusterJudge, PolicyBundle } from './judge/cluster-judge.ts';
export { createMetrics } from './metrics.ts';
export type { CollectorMetrics } from './metrics.ts';
export { defaultPipelineLimits, openPipeline } from './pipeline.ts';
export type { Pipeline, PipelineDeps, PipelineLimits } from './pipeline.ts';
export type * from './timeline/rows.ts';
export type * from './timeline/timeline.ts';
