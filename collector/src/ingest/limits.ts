import { maxCompressedBatchBytes, maxMessagesPerBatch, maxUncompressedBatchBytes } from '@driftline/proto';
import { defaultAdmissionLimits } from './admission-gate.ts';
import type { AdmissionLimits } from './admission-gate.ts';

export type IngestLimits = AdmissionLimits & {
  /** Compressed bytes of one batch. */
  readonly batchBytes: number;
  readonly batchUncompressedBytes: number;
  readonly batchMessages: number;
  /** Payload bytes one stream may have in flight: taken from the agent and not yet by the bus. */
  readonly streamCreditBytes: number;
  /** Payload bytes in flight over all streams; beyond it, reading from the sockets stops. */
  readonly ingestBytes: number;
  readonly heartbeatIntervalMs: number;
  /** A session is dead after this long without a frame. */
  readonly sessionTimeoutMs: number;
  /** In a fleet: how long after the last renewal of its gateway an agent's claim of a cluster is void. */
  readonly claimTimeoutMs: number;
  readonly claimRenewalIntervalMs: number;
  /** How long an agent that finds its cluster held by another waits before it asks again. */
  readonly claimRetryMs: number;
  /** From the start of a stream to its Hello. */
  readonly helloTimeoutMs: number;
  /** From asking for missing sequences to giving the stream up, so that a new Hello says what is left. */
  readonly resendTimeoutMs: number;
};

export const defaultIngestLimits: IngestLimits = {
  ...defaultAdmissionLimits,
  batchBytes: maxCompressedBatchBytes,
  batchUncompressedBytes: maxUncompressedBatchBytes,
  batchMessages: maxMessagesPerBatch,
  streamCreditBytes: 2 * maxCompressedBatchBytes,
  ingestBytes: 128 * 1024 * 1024,
  heartbeatIntervalMs: 10_000,
  sessionTimeoutMs: 35_000,
  claimTimeoutMs: 35_000,
  claimRenewalIntervalMs: 10_000,
  claimRetryMs: 15_000,
  helloTimeoutMs: 10_000,
  resendTimeoutMs: 10_000,
};
