/** The streams this writer has met. A stream's epoch gets its ordinal, and the ordinal its durable row, before any record. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { logEvents } from '../log-events.ts';
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import type { ClusterId } from '../timeline.ts';
import { attempt } from './classify-failure.ts';
import { insertRows } from './insert-rows.ts';
import { loadStreamState, type StreamState } from './stream-state.ts';
import { epochInsert } from './table-inserts.ts';
import { type RetryScope, untilDone } from './until-done.ts';

type Parts = {
  readonly client: ClickHouseClient;
  readonly reader: TimelineReader;
  readonly scope: RetryScope;
  readonly nowUs: () => number;
};

const epochOrdinalsSql = loadSql(import.meta.url, './epoch-ordinals.sql');
const runningInsertsSql = loadSql(import.meta.url, './running-inserts.sql');
/** The server gives up on an insert whose client is gone well before this. */
const drainTimeoutMs = 60_000;
const drainPollMs = 25;

export class StreamStates {
  readonly #parts: Parts;
  readonly #states = new Map<string, Promise<StreamState>>();
  /** Ordinals of one cluster's epochs are given one at a time. */
  #numbering: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  of(stream: StreamId): Promise<StreamState> {
    const key = streamKey(stream);
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const loading = this.#load(stream);
    this.#states.set(key, loading);
    loading.catch(() => this.#states.delete(key));
    return loading;
  }

  forget(cluster: ClusterId): void {
    const prefix = `${JSON.stringify([cluster.tenant, cluster.cluster]).slice(0, -1)},`;
    for (const key of this.#states.keys()) if (key.startsWith(prefix)) this.#states.delete(key);
  }

  async #load({ tenant, cluster, epoch }: StreamId): Promise<StreamState> {
    const { reader, scope } = this.#parts;
    const stream = { tenant: tenant.toWellFormed(), cluster: cluster.toWellFormed(), epoch: epoch.toWellFormed() };
    await this.#drainRunningInserts();
    const numbered = this.#numbering.then(() => this.#ordinalOf(stream));
    this.#numbering = numbered.catch(() => {});
    const ordinal = await numbered;
    const state = await untilDone('stream state', scope, () => loadStreamState(reader, stream, ordinal));
    if (state.unfinished.size > 0) {
      const rows = [...state.unfinished.values()].reduce((sum, list) => sum + list.length, 0);
      scope.logger.warn({ ...stream, rows, afterSequence: state.recordedSequence }, logEvents.unfinishedRowsFound);
    }
    return state;
  }

  /** An insert that a dead predecessor had sent may still be running: what it stores must be seen before we look. */
  async #drainRunningInserts(): Promise<void> {
    const { reader, scope } = this.#parts;
    const running = async (): Promise<readonly string[]> => {
      const answer = await attempt(() => reader.all<{ queryId: string }>(runningInsertsSql, {}));
      if (answer.outcome === 'refused') scope.logger.warn({ err: answer.cause }, logEvents.runningInsertsUnseen);
      return answer.outcome === 'success' ? answer.value.map(({ queryId }) => queryId) : [];
    };
    const before = new Set(await running());
    const deadline = Date.now() + drainTimeoutMs;
    while (before.size > 0 && Date.now() < deadline && !scope.signal.aborted) {
      const now = new Set(await running());
      for (const id of before) if (!now.has(id)) before.delete(id);
      if (before.size > 0) await sleep(drainPollMs);
    }
  }

  async #ordinalOf(stream: StreamId): Promise<number> {
    const { client, reader, scope, nowUs } = this.#parts;
    const { tenant, cluster, epoch } = stream;
    const rows = await untilDone('epoch ordinals', scope, () =>
      reader.all<{ epoch: string; epochOrdinal: number }>(epochOrdinalsSql, { tenant, cluster }),
    );
    const known = rows.find((row) => row.epoch === epoch);
    if (known !== undefined) return known.epochOrdinal;
    const epochOrdinal = 1 + rows.reduce((most, row) => Math.max(most, row.epochOrdinal), 0);
    const request = epochInsert({ tenant, cluster, epoch, epochOrdinal, firstSeenAtUs: nowUs() });
    await untilDone('epoch', scope, () => insertRows(client, request, scope.signal));
    return epochOrdinal;
  }
}

function streamKey({ tenant, cluster, epoch }: StreamId): string {
  return JSON.stringify([tenant, cluster, epoch]);
}
