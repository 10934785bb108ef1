/**
 * The bus of embedded mode: a bounded queue between gateway and pipeline in one process. It keeps nothing over a
 * restart and does not need to: a batch leaves the agent's spool only when it is recorded.
 */
import type { BatchHandler, BusReader, BusWriter, Feedback, StreamBatch } from './bus.ts';

export type MemoryBusLimits = {
  /** Payload bytes that wait for the pipeline before `publish` waits too. */
  readonly queueBytes: number;
  /** Payload bytes handed to the pipeline and not yet recorded. */
  readonly inFlightBytes: number;
  /** Payload bytes of one hand-over. */
  readonly chunkBytes: number;
};

export const defaultMemoryBusLimits: MemoryBusLimits = {
  queueBytes: 64 * 1024 * 1024,
  inFlightBytes: 16 * 1024 * 1024,
  chunkBytes: 1024 * 1024,
};

/** What a queued batch costs beside its payload. */
const batchOverheadBytes = 512;
const costOf = (batch: StreamBatch): number => batch.batch.payload.byteLength + batchOverheadBytes;

export class BusClosedError extends Error {
  readonly code = 'closed';
  readonly retryable = true;
  constructor() {
    super('the bus is closed: nothing was taken; send again after reconnecting');
    this.name = 'BusClosedError';
  }
}

export type MemoryBus = { readonly writer: BusWriter; readonly reader: BusReader };

class BoundedQueue implements BusWriter, BusReader {
  readonly #limits: MemoryBusLimits;
  readonly #queue: StreamBatch[] = [];
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

  async publish(batch: StreamBatch): Promise<'handed-over'> {
    // A batch larger than the whole bound still passes when the queue is empty.
    while (!this.#isClosed && this.#queuedBytes > 0 && this.#queuedBytes + costOf(batch) > this.#limits.queueBytes)
      await this.#change.promise;
    if (this.#isClosed) throw new BusClosedError();
    this.#queue.push(batch);
    this.#queuedBytes += costOf(batch);
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
      if (this.#queue.length === 0 || this.#inFlightBytes >= this.#limits.inFlightBytes) {
        await this.#change.promise;
        continue;
      }
      const handled = this.#handOver(handler, this.#takeChunk());
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

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  #takeChunk(): StreamBatch[] {
    const chunk: StreamBatch[] = [];
    let bytes = 0;
    for (const batch of this.#queue) {
      if (chunk.length > 0 && bytes + costOf(batch) > this.#limits.chunkBytes) break;
      chunk.push(batch);
      bytes += costOf(batch);
    }
    this.#queue.splice(0, chunk.length);
    this.#queuedBytes -= bytes;
    this.#inFlightBytes += bytes;
    return chunk;
  }

  /** Never rejects: a failure stops `run`. */
  async #handOver(handler: BatchHandler, chunk: readonly StreamBatch[]): Promise<void> {
    try {
      await handler.handle(chunk);
      this.#inFlightBytes -= chunk.reduce((sum, batch) => sum + costOf(batch), 0);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#wake();
    }
  }
}

export const openMemoryBus = (limits: MemoryBusLimits = defaultMemoryBusLimits): MemoryBus => {
  const queue = new BoundedQueue(limits);
  return { writer: queue, reader: queue };
};
