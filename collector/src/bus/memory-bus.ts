/**
 * The bus of embedded mode: a bounded queue between gateway and pipeline in one process. It keeps nothing over a
 * restart and does not need to: a batch leaves the agent's spool only when it is recorded.
 *
 * Each cluster has a lane of its own within the bounds of all: one whose batches are not taken makes its own agent wait,
 * nobody else's. Lanes take turns.
 */
import type { ClusterId } from '../timeline/timeline.ts';
import type { BatchHandler, BusReader, BusWriter, Feedback, StreamBatch } from './bus.ts';
import { clusterKey } from './by-cluster.ts';

export type MemoryBusLimits = {
  /** Payload bytes that wait for the pipeline before `publish` waits too. */
  readonly queueBytes: number;
  /** The same, of one cluster. */
  readonly clusterQueueBytes: number;
  /** Bytes, uncompressed, that were handed to the pipeline and are not recorded yet. */
  readonly inFlightBytes: number;
  /** The same, of one cluster. */
  readonly clusterInFlightBytes: number;
  /** Bytes, uncompressed, of one hand-over. */
  readonly chunkBytes: number;
};

export const defaultMemoryBusLimits: MemoryBusLimits = {
  queueBytes: 64 * 1024 * 1024,
  clusterQueueBytes: 16 * 1024 * 1024,
  inFlightBytes: 128 * 1024 * 1024,
  clusterInFlightBytes: 32 * 1024 * 1024,
  chunkBytes: 4 * 1024 * 1024,
};

/** What a batch costs beside its content. */
const batchOverheadBytes = 512;
const queuedBytesOf = ({ batch }: StreamBatch): number => batch.payload.byteLength + batchOverheadBytes;
const heldBytesOf = ({ batch }: StreamBatch): number =>
  Math.max(batch.payload.byteLength, batch.uncompressedBytes) + batchOverheadBytes;

type Lane = {
  readonly id: ClusterId;
  readonly queue: StreamBatch[];
  queuedBytes: number;
  inFlightBytes: number;
  /** Calls of `publish` that wait. */
  waiting: number;
};

export class BusClosedError extends Error {
  readonly code = 'closed';
  readonly retryable = true;
  constructor() {
    super('the bus is closed: nothing was taken; send again after reconnecting');
    this.name = 'BusClosedError';
  }
}

export type MemoryBus = { readonly writer: BusWriter; readonly reader: BusReader };

class BoundedLanes implements BusWriter, BusReader {
  readonly #limits: MemoryBusLimits;
  /** The one whose turn is next comes first. */
  readonly #lanes = new Map<string, Lane>();
  readonly #listeners = new Set<(feedback: Feedback) => void>();
  readonly #running = new Set<Promise<void>>();
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  // One shared latch: every state change wakes all who wait, and each looks again.
  #change = Promise.withResolvers<void>();

  constructor(limits: MemoryBusLimits) {
    this.#limits = limits;
  }

  async publish(item: StreamBatch): Promise<'handed-over'> {
    const lane = this.#laneOf(item);
    const bytes = queuedBytesOf(item);
    lane.waiting += 1;
    while (!this.#isClosed && !this.#hasRoom(lane, bytes)) await this.#change.promise;
    lane.waiting -= 1;
    if (this.#isClosed) throw new BusClosedError();
    lane.queue.push(item);
    lane.queuedBytes += bytes;
    this.#queuedBytes += bytes;
    this.#wake();
    return 'handed-over';
  }

  onFeedback(listener: (feedback: Feedback) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publishFeedback(feedback: Feedback): Promise<void> {
    for (const listener of this.#listeners) listener(feedback);
    return Promise.resolve();
  }

  async run(handler: BatchHandler): Promise<void> {
    while (!this.#isClosed && this.#failure === undefined) {
      const lane = this.#nextLane();
      if (lane === undefined) {
        await this.#change.promise;
        continue;
      }
      const handled = this.#handOver(handler, lane, this.#takeChunk(lane));
      this.#running.add(handled);
      void handled.then(() => this.#running.delete(handled));
      this.#wake();
    }
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    await Promise.all(this.#running);
  }

  #laneOf({ stream: { tenant, cluster } }: StreamBatch): Lane {
    const key = clusterKey({ tenant, cluster });
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane = { id: { tenant, cluster }, queue: [], queuedBytes: 0, inFlightBytes: 0, waiting: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** A batch larger than a bound still passes when nothing else is there. */
  #hasRoom(lane: Lane, bytes: number): boolean {
    const { queueBytes, clusterQueueBytes } = this.#limits;
    return (
      (lane.queuedBytes === 0 || lane.queuedBytes + bytes <= clusterQueueBytes) &&
      (this.#queuedBytes === 0 || this.#queuedBytes + bytes <= queueBytes)
    );
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  /** The first lane that has something to hand over and may; it goes to the end of the row. */
  #nextLane(): Lane | undefined {
    const { inFlightBytes, clusterInFlightBytes } = this.#limits;
    if (this.#inFlightBytes >= inFlightBytes) return undefined;
    for (const [key, lane] of this.#lanes) {
      if (lane.queue.length === 0 || lane.inFlightBytes >= clusterInFlightBytes) continue;
      this.#lanes.delete(key);
      this.#lanes.set(key, lane);
      return lane;
    }
    return undefined;
  }

  #takeChunk(lane: Lane): StreamBatch[] {
    const chunk: StreamBatch[] = [];
    let bytes = 0;
    for (const item of lane.queue) {
      if (chunk.length > 0 && bytes + heldBytesOf(item) > this.#limits.chunkBytes) break;
      chunk.push(item);
      bytes += heldBytesOf(item);
    }
    lane.queue.splice(0, chunk.length);
    const queuedBytes = chunk.reduce((sum, item) => sum + queuedBytesOf(item), 0);
    lane.queuedBytes -= queuedBytes;
    this.#queuedBytes -= queuedBytes;
    lane.inFlightBytes += bytes;
    this.#inFlightBytes += bytes;
    return chunk;
  }

  /** Never rejects: a failure stops `run`. */
  async #handOver(handler: BatchHandler, lane: Lane, chunk: readonly StreamBatch[]): Promise<void> {
    try {
      await handler.handle(chunk);
      const bytes = chunk.reduce((sum, item) => sum + heldBytesOf(item), 0);
      lane.inFlightBytes -= bytes;
      this.#inFlightBytes -= bytes;
      if (lane.inFlightBytes + lane.queue.length + lane.waiting === 0) this.#lanes.delete(clusterKey(lane.id));
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#wake();
    }
  }
}

export const openMemoryBus = (limits: MemoryBusLimits = defaultMemoryBusLimits): MemoryBus => {
  const queue = new BoundedLanes(limits);
  return { writer: queue, reader: queue };
};
