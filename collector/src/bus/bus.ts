/**
 * The bus between gateway and pipeline: a port with two implementations. In embedded mode it is a bounded queue in
 * memory and durability is the agent's spool; in fleet mode it is Apache Kafka with partition key = tenant/cluster.
 */
import type { Batch, KindVerdict, ObjectRef } from '@driftline/proto';
import type { StreamId } from '../timeline/rows.ts';
import type { ClusterId } from '../timeline/timeline.ts';

/** A batch as the gateway admitted it: the stream identity comes from the credential. */
export type StreamBatch = {
  readonly stream: StreamId;
  /** Oldest sequence the agent still held when it connected: what is below it and not recorded is gone for good. */
  readonly oldestSequence: number;
  readonly batch: Batch;
};

/** What the pipeline has to say to the agent of a stream, by way of whichever gateway holds its connection. */
export type Feedback =
  | { readonly type: 'recorded'; readonly stream: StreamId; readonly sequence: number }
  | { readonly type: 'resend'; readonly stream: StreamId; readonly fromSequence: number }
  | { readonly type: 'need-full'; readonly stream: StreamId; readonly objects: readonly ObjectRef[] }
  | { readonly type: 'kind-verdict'; readonly stream: StreamId; readonly verdict: KindVerdict };

/** Gateway side. */
export type BusWriter = {
  /**
   * Resolves once the bus has taken the batch: 'accepted' when the bus itself is durable (Kafka, acks=all),
   * 'handed-over' when only the record will be (memory). Waits while the bus is full: that is the backpressure.
   */
  publish(batch: StreamBatch): Promise<'accepted' | 'handed-over'>;
  /** Feedback for every stream; the gateway picks its own. Returns the unsubscribe function. */
  onFeedback(listener: (feedback: Feedback) => void): () => void;
  close(): Promise<void>;
};

/** What the pipeline is to the bus. */
export type BatchHandler = {
  /**
   * Gets batches in stream order, many at a time, and resolves only when all of them are durable in the timeline (or
   * recognised as duplicates, or asked for again); only then does the bus forget them. It is called again before
   * earlier calls have resolved, as long as the bus's in-flight limit allows, so that the next group is prepared while
   * the last one is written. A rejection is a bug or a fatal state: the reader stops and `run` rejects.
   */
  handle(batches: readonly StreamBatch[]): Promise<void>;
  /** These clusters belong to another worker now: forget what is known of them. Resolves when nothing more is written. */
  lost(clusters: readonly ClusterId[]): Promise<void>;
};

/** Worker side. */
export type BusReader = {
  /** Runs until close; what is handed over and not yet durable then stays with the bus. */
  run(handler: BatchHandler): Promise<void>;
  publishFeedback(feedback: Feedback): Promise<void>;
  close(): Promise<void>;
};
