/**
 * The bus between gateway and pipeline: a port with two implementations. In embedded mode it is a bounded queue in
 * memory and durability is the agent's spool; in fleet mode it is Apache Kafka with partition key = tenant/cluster.
 */
import type { Batch, ObjectRef } from '@driftline/proto';
import type { StreamId } from '../timeline/rows.ts';

/** A batch as the gateway admitted it: the stream identity comes from the credential. */
export type StreamBatch = { readonly stream: StreamId; readonly batch: Batch };

/** What the pipeline has to say to the agent of a stream, by way of whichever gateway holds its connection. */
export type Feedback =
  | { readonly type: 'recorded'; readonly stream: StreamId; readonly sequence: number }
  | { readonly type: 'resend'; readonly stream: StreamId; readonly fromSequence: number }
  | { readonly type: 'need-full'; readonly stream: StreamId; readonly objects: readonly ObjectRef[] };

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

/** Worker side. */
export type BusReader = {
  /**
   * Runs until close. The handler gets batches in stream order, many at a time, and resolves only when all of them
   * are durable in the timeline (or recognised as duplicates); only then does the bus forget them.
   * A rejected promise is a bug or a fatal state: the reader stops and `run` rejects.
   */
  run(handler: (batches: readonly StreamBatch[]) => Promise<void>): Promise<void>;
  publishFeedback(feedback: Feedback): Promise<void>;
  close(): Promise<void>;
};
