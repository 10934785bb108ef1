/** The bounds of the line, each with its default. */
import { maxUncompressedBatchBytes } from '@driftline/proto';
import type { MessageLimits } from './apply-message.ts';
import type { MemoryLimits } from './cluster-memory.ts';
import { defaultCorrelatorLimits } from './forensics/correlate.ts';
import type { FullRequestLimits } from './full-requests.ts';
import { defaultGroupLimits } from './group-recorder.ts';
import type { GroupLimits } from './group-recorder.ts';
import { defaultInventoryLimits } from './inventory/inventory.ts';
import { defaultScoreLimits } from './judge/score-limits.ts';

export type PipelineLimits = MemoryLimits &
  GroupLimits &
  FullRequestLimits &
  MessageLimits & {
    readonly batchUncompressedBytes: number;
    /** Objects that are compared with an agent's digests for one batch; what is beyond is left unanswered. */
    readonly comparedObjectsPerBatch: number;
    /** How long a hole may stay before it is asked for again. */
    readonly resendIntervalMs: number;
    /** How often deadlines and objects asked for are looked after. */
    readonly housekeepingIntervalMs: number;
    /** Wait before a cluster's memory is tried to be rebuilt for the second time; it doubles with each failure. */
    readonly recoveryRetryMs: number;
    /** The longest such wait. */
    readonly recoveryRetryMaxMs: number;
  };

export const defaultPipelineLimits: PipelineLimits = {
  inventory: defaultInventoryLimits,
  correlator: defaultCorrelatorLimits,
  scores: defaultScoreLimits,
  ...defaultGroupLimits,
  batchUncompressedBytes: maxUncompressedBatchBytes,
  auditEventBytes: 8 * 1024 * 1024,
  lastAuditUs: 60 * 60 * 1_000_000,
  comparedObjectsPerBatch: 200_000,
  fullRequestIntervalMs: 10_000,
  fullRequestMaxIntervalMs: 600_000,
  fullRequestObjects: 50_000,
  resendIntervalMs: 2_000,
  housekeepingIntervalMs: 1_000,
  recoveryRetryMs: 500,
  recoveryRetryMaxMs: 15_000,
};
