/**
 * Which agent's stream holds a cluster, across all gateways of a fleet. A claim is a numbered term: taken by whoever
 * adds the next number first, renewed while its stream lives, given back when it ends, and void when nothing renewed it
 * for `claimTimeoutMs` (its gateway died). A stream of the same epoch may always take over: it is the same agent come
 * back. How long a claim was silent is told by the store's clock alone.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { logEvents } from '../log-events.ts';
import { loadSql } from '../reader/sql-file.ts';
import { timelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import { insertRows } from '../writer/insert-rows.ts';
import { fieldsInsert } from '../writer/table-inserts.ts';
import { column } from '../writer/tables.ts';
import { insertFirst } from './first-insert.ts';

export type ClaimLimits = {
  /** A claim that nothing renewed for so long is void. */
  readonly claimTimeoutMs: number;
  readonly claimRenewalIntervalMs: number;
};

export type ClaimOutcome =
  | { readonly type: 'taken' }
  | { readonly type: 'held'; readonly epoch: string; readonly instance: string };

export type ClusterClaims = {
  /** Rejects as the store does. */
  take(stream: StreamId, instance: string): Promise<ClaimOutcome>;
  /** The stream is over. What cannot be told to the store runs out by itself. */
  release(stream: StreamId): Promise<void>;
  close(): Promise<void>;
};

export type ClusterClaimsOptions = {
  readonly connection: StoreConnection;
  readonly limits: ClaimLimits;
  readonly logger: Logger;
  /** Another gateway has the stream's cluster now. */
  readonly onLost: (stream: StreamId) => void;
};

type Claim = StreamId & {
  readonly term: number;
  readonly instance: string;
  readonly gateway: string;
  readonly isReleased: boolean;
};

/** As the store has it; `silentMs` since anybody renewed it. */
type SeenClaim = Claim & { readonly silentMs: number };

const claimsSql = loadSql(import.meta.url, './claims.sql');
const table = {
  name: 'cluster_claims',
  columns: [
    column('tenant', 'LowCardinality(String)'),
    column('cluster', 'LowCardinality(String)'),
    column('term', 'UInt64'),
    column('epoch', 'LowCardinality(String)'),
    column('instance', 'String'),
    column('gateway', 'String'),
    column('isReleased', 'Bool'),
  ],
};

/** Two gateways can only race for a term so often before one of them holds it. */
const maxAttempts = 5;

const keyOf = ({ tenant, cluster }: { readonly tenant: string; readonly cluster: string }): string =>
  `${tenant}\n${cluster}`;

export function openClusterClaims(options: ClusterClaimsOptions): ClusterClaims {
  const claims = new StoredClaims(options);
  const renewal = setInterval(() => void claims.renew(), options.limits.claimRenewalIntervalMs);
  renewal.unref();
  return {
    take: (stream, instance) => claims.take(stream, instance),
    release: (stream) => claims.release(stream),
    async close() {
      clearInterval(renewal);
      await claims.close();
    },
  };
}

class StoredClaims {
  readonly #options: ClusterClaimsOptions;
  readonly #gateway = randomUUID();
  readonly #held = new Map<string, Claim>();
  readonly #client;
  readonly #reader;
  readonly #closing = new AbortController();

  constructor(options: ClusterClaimsOptions) {
    this.#options = options;
    this.#client = openStoreClient(options.connection, 'writer');
    this.#reader = timelineReader(this.#client);
  }

  async take(stream: StreamId, instance: string): Promise<ClaimOutcome> {
    for (let attempt = 1; ; attempt++) {
      const latest = (await this.#latest([stream])).get(keyOf(stream));
      if (latest !== undefined && latest.epoch !== stream.epoch && this.#isAlive(latest))
        return { type: 'held', epoch: latest.epoch, instance: latest.instance };
      const claim = { ...stream, instance, gateway: this.#gateway, isReleased: false, term: (latest?.term ?? 0) + 1 };
      const place = [stream.tenant, stream.cluster, claim.term];
      await insertFirst(this.#client, table, claim, { place, signal: this.#closing.signal });
      const now = (await this.#latest([stream])).get(keyOf(stream));
      if (now?.term === claim.term && now.gateway === this.#gateway && now.epoch === stream.epoch) {
        this.#held.set(keyOf(stream), claim);
        return { type: 'taken' };
      }
      if (attempt === maxAttempts) return { type: 'held', epoch: now?.epoch ?? '', instance: now?.instance ?? '' };
    }
  }

  async release(stream: StreamId): Promise<void> {
    const claim = this.#held.get(keyOf(stream));
    if (claim === undefined || claim.epoch !== stream.epoch) return;
    this.#held.delete(keyOf(stream));
    await this.#say([{ ...claim, isReleased: true }]);
  }

  /** Claims that another gateway has taken over are lost; the others live on. Never rejects. */
  async renew(): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    try {
      const latest = await this.#latest(held);
      const lost = held.filter((claim) => (latest.get(keyOf(claim))?.term ?? 0) > claim.term);
      for (const claim of lost) {
        if (this.#held.get(keyOf(claim)) !== claim) continue;
        this.#held.delete(keyOf(claim));
        this.#options.onLost({ tenant: claim.tenant, cluster: claim.cluster, epoch: claim.epoch });
      }
      const kept = held.filter((claim) => this.#held.get(keyOf(claim)) === claim);
      if (kept.length > 0) await this.#insert(kept);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#options.logger.warn({ claims: held.length, err: error }, logEvents.claimsUnrenewed);
    }
  }

  async close(): Promise<void> {
    const held = [...this.#held.values()].map((claim) => ({ ...claim, isReleased: true }));
    this.#held.clear();
    if (held.length > 0) await this.#say(held);
    this.#closing.abort();
    await this.#client.close();
  }

  #isAlive({ isReleased, silentMs, gateway, ...claim }: SeenClaim): boolean {
    // What this gateway gave up and could not tell the store.
    if (gateway === this.#gateway && this.#held.get(keyOf(claim))?.term !== claim.term) return false;
    return !isReleased && silentMs <= this.#options.limits.claimTimeoutMs;
  }

  async #latest(streams: readonly StreamId[]): Promise<ReadonlyMap<string, SeenClaim>> {
    const tenants = streams.map(({ tenant }) => tenant);
    const clusters = streams.map(({ cluster }) => cluster);
    const rows = await this.#reader.all<SeenClaim>(claimsSql, { tenants, clusters });
    return new Map(rows.map((row) => [keyOf(row), row]));
  }

  async #say(claims: readonly Claim[]): Promise<void> {
    await this.#insert(claims).catch((error: unknown) => {
      this.#options.logger.warn({ claims: claims.length, err: error }, logEvents.claimsUnrenewed);
    });
  }

  #insert(claims: readonly Claim[]): Promise<void> {
    // The same rows again mean something new: that their streams still live.
    const request = { ...fieldsInsert(table.name, table.columns, claims), token: `${table.name}:${randomUUID()}` };
    return insertRows(this.#client, request, this.#closing.signal);
  }
}
