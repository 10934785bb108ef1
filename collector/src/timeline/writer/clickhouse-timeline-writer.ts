/**
 * Records batches, each exactly once, though ClickHouse has neither conditional inserts nor transactions over tables:
 *
 *   plan    which rows, which commit rows; streams advance in memory
 *   insert  one insert per table for all batches, tables in parallel; rows of a failed attempt are sent again with the
 *           same token, which the server recognises
 *   commit  the commit rows, last and in order of planning; nothing past the last commit row exists for readers
 *
 * Several calls may be under way: their inserts overlap, their commits do not. After a crash between insert and commit
 * the next writer finds the rows beyond the watermark and leaves exactly those out (stream-state.ts, plan-batches.ts).
 * One writer per cluster at a time; `generation` in the commit rows makes a violation visible.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Logger } from 'pino';
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { logEvents } from '../log-events.ts';
import { loadSql } from '../reader/sql-file.ts';
import { type TimelineReader, timelineReader } from '../reader/timeline-reader.ts';
import type { RecordedBatch, StreamId } from '../rows.ts';
import type { ClusterId, RefusedStream, SequenceRange, TimelineWriter, UnfinishedRows } from '../timeline.ts';
import { TimelineError } from '../timeline-error.ts';
import { insertRows } from './insert-rows.ts';
import { type Plan, planBatches } from './plan-batches.ts';
import { StreamStates } from './stream-states.ts';
import { commitInsert, tableInserts } from './table-inserts.ts';
import { readUnfinished } from './unfinished-rows.ts';
import { defaultRetryPolicy, type RetryPolicy, type RetryScope, untilDone } from './until-done.ts';

export type TimelineWriterOptions = {
  readonly connection: StoreConnection;
  readonly logger: Logger;
  /** Microseconds since the epoch; what `recorded_at_us` says. */
  readonly nowUs: () => number;
  /** Fencing number of this writer; default: one more than the store has seen. */
  readonly generation?: number;
  /** Largest insert. Default 32 MiB: it must fit into one block of the server. */
  readonly maxInsertBytes?: number;
  readonly retry?: RetryPolicy;
  readonly random?: () => number;
  /** Told of each failed attempt to read or write the store: it passes, or the store refuses (schema, grants). */
  readonly onFailure?: (outcome: 'retryable' | 'refused') => void;
};

export type ClickHouseTimelineWriter = TimelineWriter & {
  /** Drops what is known of a cluster's streams: another writer had the cluster meanwhile. */
  forget(cluster: ClusterId): void;
};

const defaultMaxInsertBytes = 32 * 1024 * 1024;
const generationSql = loadSql(import.meta.url, './generation.sql');

export async function openTimelineWriter(options: TimelineWriterOptions): Promise<ClickHouseTimelineWriter> {
  const client = openStoreClient(options.connection, 'writer');
  const reader = timelineReader(client);
  const closing = new AbortController();
  const scope: RetryScope = {
    policy: options.retry ?? defaultRetryPolicy,
    logger: options.logger,
    signal: closing.signal,
    random: options.random ?? Math.random,
    onFailure: options.onFailure,
  };
  try {
    const generation = options.generation ?? (await nextGeneration(reader));
    const states = new StreamStates({ client, reader, scope, nowUs: options.nowUs });
    return new Writer({ client, reader, scope, closing, states, generation, options });
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function nextGeneration(reader: TimelineReader): Promise<number> {
  const [row] = await reader.all<{ generation: number }>(generationSql, {});
  return (row?.generation ?? 0) + 1;
}

type Parts = {
  readonly client: ClickHouseClient;
  readonly reader: TimelineReader;
  readonly scope: RetryScope;
  readonly closing: AbortController;
  readonly states: StreamStates;
  readonly generation: number;
  readonly options: TimelineWriterOptions;
};

class Writer implements ClickHouseTimelineWriter {
  readonly #parts: Parts;
  #planning: Promise<unknown> = Promise.resolve();
  #committing: Promise<unknown> = Promise.resolve();
  /** Set by the first failure that is not the store's; the streams in memory are ahead of the store from then on. */
  #failure: unknown;
  #closed: Promise<void> | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  record(batches: readonly RecordedBatch[]): Promise<readonly RefusedStream[]> {
    const call = this.#record(batches);
    this.#underWay.add(call);
    void Promise.allSettled([call]).then(() => this.#underWay.delete(call));
    return call;
  }

  async watermark(stream: StreamId): Promise<number> {
    return (await this.#parts.states.of(stream)).recordedSequence;
  }

  async unfinished(stream: StreamId): Promise<readonly number[]> {
    const { unfinished, recordedSequence } = await this.#parts.states.of(stream);
    const sequences = [...unfinished.values()].flatMap((rows) => rows.map(({ sequence }) => sequence));
    return [...new Set(sequences)].filter((sequence) => sequence > recordedSequence).sort((a, b) => a - b);
  }

  readUnfinished(stream: StreamId, range: SequenceRange): Promise<UnfinishedRows> {
    const { reader, scope } = this.#parts;
    return untilDone('unfinished rows', scope, () => readUnfinished(reader, stream, range));
  }

  forget(cluster: ClusterId): void {
    this.#parts.states.forget(cluster);
  }

  /** What is under way and not durable rejects with 'closed'. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#parts.closing.abort();
    await Promise.allSettled(this.#underWay);
    await this.#parts.client.close();
  }

  async #record(batches: readonly RecordedBatch[]): Promise<readonly RefusedStream[]> {
    // Plans are made one after another, in the order of the calls; so are commits, in the order of the plans.
    const planned = this.#planning.then(() => this.#plan(batches));
    this.#planning = planned.catch(() => {});
    const { plan, commitTurn, commitDone } = await planned;
    try {
      await this.#insert(plan);
      await commitTurn;
      this.#requireHealthy();
      await this.#commit(plan);
      return plan.refused;
    } catch (error) {
      this.#failure ??= error;
      throw error;
    } finally {
      commitDone();
    }
  }

  async #plan(
    batches: readonly RecordedBatch[],
  ): Promise<{ plan: Plan; commitTurn: Promise<unknown>; commitDone: () => void }> {
    this.#requireHealthy();
    const { states, generation, options } = this.#parts;
    const withStates: { batch: RecordedBatch; state: Awaited<ReturnType<StreamStates['of']>> }[] = [];
    for (const batch of batches) withStates.push({ batch, state: await states.of(batch.stream) });
    const plan = planBatches(withStates, { recordedAtUs: options.nowUs(), generation });
    for (const { stream, error } of plan.refused)
      options.logger.error({ ...stream, err: error }, logEvents.streamRefused);
    const commitTurn = this.#committing;
    const { promise, resolve: commitDone } = Promise.withResolvers<void>();
    this.#committing = promise;
    return { plan, commitTurn, commitDone };
  }

  async #insert(plan: Plan): Promise<void> {
    const maxBytes = this.#parts.options.maxInsertBytes ?? defaultMaxInsertBytes;
    await Promise.all(
      [...plan.inserts].map(async ([tableName, rows]) => {
        for (const request of tableInserts(tableName, rows, maxBytes)) await this.#send(request);
      }),
    );
  }

  async #commit(plan: Plan): Promise<void> {
    if (plan.commits.length === 0) return;
    await this.#send(commitInsert(plan.commits));
    for (const { state, lastSequence } of plan.advances) state.recordedSequence = lastSequence;
  }

  async #send(request: Parameters<typeof insertRows>[1]): Promise<void> {
    const { client, scope } = this.#parts;
    await untilDone(`insert into ${request.table}`, scope, () => insertRows(client, request, scope.signal));
  }

  #requireHealthy(): void {
    if (this.#parts.closing.signal.aborted) throw new TimelineError('closed', 'The timeline writer is closed.');
    if (this.#failure !== undefined) throw this.#failure;
  }
}
