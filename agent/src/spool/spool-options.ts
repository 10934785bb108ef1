import type { Batch, Message } from '@driftline/proto';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { MessageSink } from '../message-sink.ts';
import type { OpenSegmentFile, Range } from './segment-log.ts';
import type { SpoolMetrics } from './spool-metrics.ts';

const mebibyte = 1024 * 1024;

export type SpoolLimits = {
  /** Bytes of all segment files together. */
  readonly spoolLimitBytes: number;
  /** A segment file ends with the record that reaches this. Whole segments are deleted. */
  readonly segmentBytes: number;
  /** How long a full spool holds its producers back before it evicts the oldest messages. */
  readonly spoolFullWaitMs: number;
  /** A body waits this long for others to share its batch and its sync; longer only in a small batch. */
  readonly batchMaxAgeMs: number;
  /** Below these uncompressed bytes a batch is small: it goes no sooner than `smallBatchIntervalMs` after the one before. */
  readonly smallBatchBytes: number;
  readonly smallBatchIntervalMs: number;
  /** Uncompressed bytes at which a batch is cut. */
  readonly batchMaxBytes: number;
  /** Pause after a failed write (full disk) before the same batch is tried again. */
  readonly diskRetryMs: number;
  /** How often acknowledged positions are made durable. */
  readonly markSyncIntervalMs: number;
};

export const defaultSpoolLimits: SpoolLimits = {
  spoolLimitBytes: 512 * mebibyte,
  segmentBytes: 8 * mebibyte,
  spoolFullWaitMs: 30_000,
  batchMaxAgeMs: 20,
  smallBatchBytes: 16 * 1024,
  smallBatchIntervalMs: 100,
  batchMaxBytes: 256 * 1024,
  diskRetryMs: 1_000,
  markSyncIntervalMs: 1_000,
};

/** Sequences that the spool lost for good. What of them the collector lacks is confessed at the next Welcome. */
export type Loss = Range & { readonly cause: 'spool_full' | 'spool_damage' };

export type SpoolOptions = {
  /** Of this spool alone; made when missing. */
  readonly directory: string;
  readonly limits: SpoolLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SpoolMetrics;
  readonly onLoss?: (loss: Loss) => void;
  /** For tests that make the disk fail. */
  readonly openFile?: OpenSegmentFile;
};

export type SpoolPosition = {
  /** Newest durable sequence; 0 before the first. */
  readonly lastSequence: number;
  /** Up to here whoever appended was told that it is durable. */
  readonly answeredSequence: number;
  /** Nothing that was appended still waits to be durable. */
  readonly isSettled: boolean;
  readonly acceptedSequence: number;
  readonly recordedSequence: number;
  readonly bytes: number;
  readonly limitBytes: number;
};

export type NumberedMessage = { readonly sequence: number; readonly message: Message };

export type Spool = MessageSink & {
  /** Durable identity of the stream (uuid). */
  readonly epoch: string;
  position(): SpoolPosition;
  /** Why nothing can be written now, and appends wait; undefined when it can. */
  trouble(): string | undefined;
  /** The first sequence at or after `from` that is held; `lastSequence + 1` when nothing is. */
  firstHeld(from: number): number;
  /** The first sequence after this one that was lost to damage; undefined when none was. */
  firstLost(after: number): number | undefined;
  /**
   * Durable batches in order from the one that holds `fromSequence`, then those to come, until `signal` aborts. Where a
   * batch does not continue the one before, the sequences between are lost and confessed further on.
   */
  read(fromSequence: number, signal: AbortSignal): AsyncIterable<Batch>;
  /** Durable messages from `fromSequence` to what is durable now. Throws SpoolError 'undecodable'. */
  replay(fromSequence: number): AsyncIterable<NumberedMessage>;
  /** What the collector says it has. Recorded messages are let go once they are applied too. */
  acknowledge(position: { readonly acceptedSequence: number; readonly recordedSequence: number }): void;
  /**
   * A session begins: the collector has everything up to here, and nothing is under way. What is lost behind it is
   * confessed. Call it once a session, before what it sends is read. Resolves when that is durable; never rejects.
   */
  welcomed(recordedSequence: number): Promise<void>;
  /** The known objects hold everything up to `sequence`, durably. Until then messages are kept for replay. */
  applied(sequence: number): void;
  /** Writes what waits, makes positions durable and lets go of the directory. */
  close(): Promise<void>;
};
