/**
 * A worker's side of the batches topic. A record is handed over as soon as it is read, within a bound of bytes in
 * flight; its offset is committed when the handler has resolved for it and for all before it in its partition. Offsets
 * that were not committed mean redelivery, which the pipeline recognises; they never mean loss.
 *
 * When partitions go to another worker, the handler is told to forget their clusters, and what is still queued of them
 * is dropped: the new owner reads it from the committed offset.
 */
import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes } from '@platformatic/kafka';
import type { Message, MessagesStream } from '@platformatic/kafka';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { logEvents } from '../log-events.ts';
import type { ClusterId } from '../timeline/timeline.ts';
import type { BatchHandler, StreamBatch } from './bus.ts';
import { clusterKey } from './by-cluster.ts';
import { decodeBatch, recordKey } from './kafka-record.ts';
import type { KafkaClient } from './kafka-client.ts';

type KafkaRecord = Message;
type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;
type Tracked = { readonly record: KafkaRecord; readonly batch: StreamBatch | undefined; isDone: boolean };
type Partition = { readonly tracked: Tracked[]; readonly clusters: Map<string, ClusterId> };

/** What a batch takes once it is handed over: its content is decompressed then. */
const heldBytesOf = ({ record, batch }: Tracked): number =>
  Math.max(record.value.byteLength, batch?.batch.uncompressedBytes ?? 0);

export type KafkaReaderOptions = {
  readonly client: KafkaClient;
  readonly groupId: string;
  readonly topic: string;
  /** Bytes, uncompressed, that were handed over and are not recorded yet. */
  readonly inFlightBytes: number;
  readonly logger: Logger;
};

/** How long one commit is waited for; the next one covers it. */
const commitTimeoutMs = 10_000;
/** Before a broken consumer is opened again. */
const reopenDelayMs = 1_000;
/** After this silence the group gives a killed worker's clusters to another one. The client's default is a minute. */
const sessionTimeoutMs = 10_000;

export class KafkaReader {
  readonly #options: KafkaReaderOptions;
  readonly #partitions = new Map<number, Partition>();
  readonly #running = new Set<Promise<void>>();
  #pending: Tracked[] = [];
  #inFlightBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  #end = Promise.withResolvers<void>();
  #stream: Stream | undefined;

  constructor(options: KafkaReaderOptions) {
    this.#options = options;
  }

  async run(handler: BatchHandler): Promise<void> {
    while (!this.#isStopped()) {
      this.#end = Promise.withResolvers<void>();
      try {
        await this.#consume(handler);
      } catch (error) {
        this.#options.logger.warn({ event: logEvents.busTrouble, err: error });
      }
      await Promise.all(this.#running);
      await this.#lose(handler, [...this.#partitions.keys()]);
      if (!this.#isStopped()) await new Promise((resolve) => setTimeout(resolve, reopenDelayMs));
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end.resolve();
    await Promise.all(this.#running);
  }

  #isStopped(): boolean {
    return this.#isClosed || this.#failure !== undefined;
  }

  /** Resolves when the reader stops or its stream ends; rejects when it breaks. */
  async #consume(handler: BatchHandler): Promise<void> {
    const { client, groupId, topic, logger } = this.#options;
    const consumer = new Consumer({
      ...client,
      groupId,
      autocommit: false,
      sessionTimeout: sessionTimeoutMs,
      // Otherwise the stream ends for good after three failed tries.
      retries: true,
    });
    consumer.on('consumer:group:join', ({ assignments = [] }) => {
      const owned = new Set(assignments.find((each) => each.topic === topic)?.partitions ?? []);
      logger.info({ event: logEvents.busConnected, topic, partitions: [...owned] });
      const lost = [...this.#partitions.keys()].filter((partition) => !owned.has(partition));
      if (lost.length > 0) this.#follow(this.#lose(handler, lost));
    });
    try {
      const mode = MessagesStreamModes.COMMITTED;
      const fallbackMode = MessagesStreamFallbackModes.EARLIEST;
      const stream = await consumer.consume({ topics: [topic], autocommit: false, mode, fallbackMode });
      this.#stream = stream;
      stream.on('data', (record: KafkaRecord) => this.#read(handler, record));
      stream.on('error', (error: Error) => this.#end.reject(error));
      stream.on('end', () => this.#end.resolve());
      stream.on('close', () => this.#end.resolve());
      await this.#end.promise;
      // What was handed over is recorded and committed before the partitions are given up.
      this.#release(this.#takePending());
      stream.pause();
      await Promise.all(this.#running);
    } finally {
      this.#stream = undefined;
      await consumer.close(true).catch((error: unknown) => logger.warn({ event: logEvents.busTrouble, err: error }));
    }
  }

  #read(handler: BatchHandler, record: KafkaRecord): void {
    if (this.#isStopped()) return;
    const batch = decodeBatch(record.value);
    const { partition, offset } = record;
    const known = this.#partitions.get(partition) ?? { tracked: [], clusters: new Map<string, ClusterId>() };
    this.#partitions.set(partition, known);
    const tracked: Tracked = { record, batch, isDone: batch === undefined };
    known.tracked.push(tracked);
    if (batch === undefined) {
      this.#options.logger.error({ event: logEvents.busRecordUnreadable, partition, offset: String(offset) });
      return;
    }
    const { tenant, cluster } = batch.stream;
    known.clusters.set(recordKey(batch.stream), { tenant, cluster });
    this.#inFlightBytes += heldBytesOf(tracked);
    if (this.#inFlightBytes > this.#options.inFlightBytes) this.#stream?.pause();
    this.#pending.push(tracked);
    // Everything that one fetch brought goes over in one call.
    if (this.#pending.length === 1) setImmediate(() => this.#follow(this.#handOver(handler)));
  }

  /** A cluster whose line waits holds back its own partition's offset, not the others'. */
  async #handOver(handler: BatchHandler): Promise<void> {
    const pending = this.#takePending();
    const chunk = pending.filter(({ record }) => this.#partitions.has(record.partition));
    this.#release(pending.filter(({ record }) => !this.#partitions.has(record.partition)));
    const clusters = Map.groupBy(chunk, ({ batch }) => (batch === undefined ? '' : clusterKey(batch.stream)));
    await Promise.all([...clusters.values()].map((each) => this.#handOverOne(handler, each)));
  }

  async #handOverOne(handler: BatchHandler, chunk: readonly Tracked[]): Promise<void> {
    try {
      await handler.handle(chunk.flatMap(({ batch }) => batch ?? []));
    } catch (error) {
      this.#failure ??= { error };
      this.#end.resolve();
      return;
    }
    for (const tracked of chunk) tracked.isDone = true;
    this.#release(chunk);
    await this.#commit();
  }

  #takePending(): readonly Tracked[] {
    const pending = this.#pending;
    this.#pending = [];
    return pending;
  }

  #release(chunk: readonly Tracked[]): void {
    for (const tracked of chunk) this.#inFlightBytes -= heldBytesOf(tracked);
    if (this.#inFlightBytes <= this.#options.inFlightBytes) this.#stream?.resume();
  }

  /** Commits, in each partition, the last record of the unbroken run of done ones. */
  async #commit(): Promise<void> {
    const commits: Promise<void>[] = [];
    for (const { tracked } of this.#partitions.values()) {
      const open = tracked.findIndex((each) => !each.isDone);
      const done = tracked.splice(0, open === -1 ? tracked.length : open);
      const last = done.at(-1);
      if (last !== undefined) commits.push(Promise.resolve(last.record.commit()));
    }
    const late = new AbortController();
    try {
      // A commit that a rebalance overtakes may never be answered.
      await Promise.race([
        Promise.all(commits),
        sleep(commitTimeoutMs, undefined, { signal: late.signal, ref: false }),
      ]);
    } catch (error) {
      // A rebalance is under way: whoever owns the partition reads from the older offset.
      this.#options.logger.warn({ event: logEvents.busTrouble, err: error });
    } finally {
      late.abort();
    }
  }

  async #lose(handler: BatchHandler, partitions: readonly number[]): Promise<void> {
    const clusters: ClusterId[] = [];
    for (const partition of partitions) {
      clusters.push(...(this.#partitions.get(partition)?.clusters.values() ?? []));
      this.#partitions.delete(partition);
    }
    if (clusters.length > 0) await handler.lost(clusters);
  }

  #follow(work: Promise<void>): void {
    const followed = work.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#end.resolve();
    });
    this.#running.add(followed);
    void followed.then(() => this.#running.delete(followed));
  }
}
