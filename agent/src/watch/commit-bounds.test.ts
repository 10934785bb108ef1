/**
 * When a version was committed lies between its delta's notBeforeUs and its observation, whatever lay between the API
 * server and the agent: late watch caches, slow and cut connections, backlogs, kills, lists, steps of the host's clock.
 */
import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Delta, JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { followClusterClock } from '../cluster-clock.ts';
import type { FollowedClock } from '../cluster-clock.ts';
import { type Known, openKnown } from '../known/known.ts';
import type { MessageSink } from '../message-sink.ts';
import { createByteBudget } from './byte-budget.ts';
import { KindLine } from './kind-line.ts';
import { defaultWatchLimits } from './watch-limits.ts';
import { createWatchMetrics } from './watch-metrics.ts';

const secondUs = 1_000_000;
const startUs = 1_700_000_000_250_000;
const idleUs = defaultWatchLimits.idleTimeoutMs * 1000;
const cacheLagUs = defaultWatchLimits.watchCacheLagMs * 1000;
const metrics = createWatchMetrics(new Registry());
const kind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };

type Commit = {
  readonly version: number;
  readonly atUs: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: JsonObject & { readonly metadata: JsonObject };
};

/** etcd, and the API server's clock: the true time of this world. */
class Server {
  nowUs = startUs;
  version = 1;
  readonly commits: Commit[] = [];
  readonly present = new Map<string, Commit['object']>();

  write(name: string, isDelete: boolean): void {
    const old = this.present.get(name);
    if (isDelete && old === undefined) return;
    this.version += 1;
    const creationTimestamp = `${new Date(this.nowUs / 1000).toISOString().slice(0, 19)}Z`;
    const identity = { name, namespace: 'shop', uid: `${name}-${this.version}`, creationTimestamp };
    const metadata = { ...(old?.metadata ?? identity), resourceVersion: String(this.version) };
    const object = { metadata, spec: { turn: this.version } };
    const type = isDelete ? 'DELETED' : old === undefined ? 'ADDED' : 'MODIFIED';
    this.commits.push({ version: this.version, atUs: this.nowUs, type, object });
    if (isDelete) this.present.delete(name);
    else this.present.set(name, object);
  }

  versionAt(us: number): number {
    return this.commits.findLast(({ atUs }) => atUs <= us)?.version ?? 1;
  }
}

/** A host on which agents live one after another, on the same state. */
class Host {
  readonly told: { readonly delta: Delta; readonly observedAtUs: number }[] = [];
  skewUs = 0;
  readonly #server: Server;
  readonly #path: string;
  #bornUs = 0;
  #known: Known | undefined;
  clock!: FollowedClock;
  line!: KindLine;

  constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  async start(): Promise<void> {
    await this.#known?.close();
    const server = this.#server;
    this.#bornUs = server.nowUs;
    const host = { nowUs: () => server.nowUs + this.skewUs };
    const clock = followClusterClock({ host, monotonicMs: () => this.#monotonicMs(server.nowUs) });
    this.clock = clock;
    this.answered(server.nowUs, server.nowUs);
    let sequence = 0;
    const sink: MessageSink = {
      append: async (bodies) => {
        const firstSequence = sequence + 1;
        sequence += bodies.length;
        const observedAtUs = clock.nowUs();
        for (const body of bodies) if (body.type === 'delta') this.told.push({ delta: body, observedAtUs });
        return { firstSequence, lastSequence: sequence };
      },
    };
    this.#known = openKnown({ path: this.#path, epoch: 'e' });
    this.line = new KindLine(kind, {
      sink,
      known: this.#known.kind('', 'pods'),
      capture: {
        hmac: (text) => createHmac('sha256', 'k').update(text).digest('base64url').slice(0, 22),
        sha256: (text) => hash('sha256', text),
      },
      budget: createByteBudget(1 << 20),
      clock,
      metrics,
      signal: new AbortController().signal,
      onFatal: (error) => assert.fail(String(error)),
    });
  }

  /** A request was answered now, and the server dated its answer at `datedUs`, between the two. */
  answered(sentUs: number, datedUs: number): void {
    const date = new Date(datedUs / 1000).toUTCString();
    const sentAtMs = this.#monotonicMs(sentUs);
    this.clock.answered({ sentAtMs, answeredAtMs: this.#monotonicMs(this.#server.nowUs), date });
  }

  #monotonicMs(trueUs: number): number {
    return (trueUs - this.#bornUs) / 1000 + 77;
  }

  async close(): Promise<void> {
    await this.#known?.close();
  }
}

const durationUs = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }),
  fc.integer({ min: 0, max: 5 * secondUs }),
  fc.integer({ min: 0, max: 1_800 * secondUs }),
);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const name = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  fc.record({ type: fc.constant('wait' as const), us: durationUs }),
  fc.record({ type: fc.constant('write' as const), name, isDelete: fc.boolean(), us: durationUs }),
  fc.record({ type: fc.constant('replace' as const), name, us: durationUs }),
  fc.record({ type: fc.constant('read' as const), events: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ type: fc.constant('bookmark' as const), us: durationUs, sent: share, lag: share }),
  fc.record({ type: fc.constant('list' as const), us: durationUs, name, isDelete: fc.boolean() }),
  fc.record({ type: fc.constant('restart' as const), us: durationUs }),
  fc.record({ type: fc.constant('skew' as const), us: fc.integer({ min: -3_600 * secondUs, max: 3_600 * secondUs }) }),
  fc.record({ type: fc.constant('answer' as const), us: durationUs, dated: share }),
);

/** Reads the watch up to a version. */
const readTo = async (server: Server, { line }: Host, version: number): Promise<void> => {
  const from = Number(line.progress().resumeVersion);
  const pending = server.commits.filter((commit) => commit.version > from && commit.version <= version);
  if (pending.length > 0) line.heard();
  for (const { type, object } of pending) await line.observe({ type, object, bytes: 10 });
};

const list = async (server: Server, { line, clock }: Host, takes: () => void): Promise<void> => {
  const begunAtUs = clock.earliestUs();
  takes();
  const items = [...server.present.values()];
  const resourceVersion = String(server.version);
  takes();
  const seenAtUs = clock.nowUs();
  const pass = await line.beginList('relist');
  for (const item of items) await pass.item(item, 10);
  await pass.complete({ resourceVersion, begunAtUs, seenAtUs });
};

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

const take = async (server: Server, host: Host, one: Step): Promise<void> => {
  if (one.type === 'skew') return void (host.skewUs = one.us);
  const beforeUs = server.nowUs;
  const asked = host.clock.earliestUs();
  if (one.type !== 'read') server.nowUs += one.us;
  switch (one.type) {
    case 'wait':
      return;
    case 'write':
      return server.write(one.name, one.isDelete);
    case 'replace':
      server.write(one.name, true);
      server.nowUs += one.us;
      return server.write(one.name, false);
    case 'read':
      return readTo(server, host, Number(host.line.progress().resumeVersion) + one.events);
    case 'bookmark': {
      // The reader asked at beforeUs and found nothing; what it gets now was sent at most an idle timeout before that.
      const sentUs = server.nowUs - one.sent * (server.nowUs - beforeUs + idleUs);
      const cached = server.versionAt(sentUs - one.lag * cacheLagUs);
      const version = Math.max(cached, Number(host.line.progress().resumeVersion));
      await readTo(server, host, version);
      host.line.heard();
      return host.line.bookmark(String(version), asked - idleUs - cacheLagUs);
    }
    case 'list':
      return list(server, host, () => {
        server.nowUs += one.us;
        server.write(one.name, one.isDelete);
      });
    case 'restart':
      return host.start();
    case 'answer':
      return host.answered(beforeUs, beforeUs + one.dated * one.us);
  }
};

const committedAt = ({ commits }: Server, { op, ref, resourceVersion }: Delta): number => {
  const commit = commits.find(({ version, type, object }) =>
    op === 'deleted' ? type === 'DELETED' && object.metadata['uid'] === ref.uid : String(version) === resourceVersion,
  );
  assert.ok(commit !== undefined, `${op} ${ref.name} ${resourceVersion} never happened`);
  return commit.atUs;
};

test('a change was committed between notBefore and its observation, whatever happened in between', async () => {
  let bounded = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const folder = mkdtempSync(join(tmpdir(), 'driftline-bounds-'));
    const server = new Server();
    const host = new Host(server, join(folder, 'known.db'));
    try {
      await host.start();
      await list(server, host, () => undefined);
      for (const one of steps) await take(server, host, one);
      for (const { delta, observedAtUs } of host.told) {
        const atUs = committedAt(server, delta);
        const what = `${delta.op} ${delta.ref.name} ${delta.resourceVersion}`;
        assert.ok(delta.notBeforeUs <= atUs, `${what}: committed ${delta.notBeforeUs - atUs} µs before notBefore`);
        // The Date of an answer is exact to a second.
        assert.ok(
          atUs <= observedAtUs + secondUs,
          `${what}: committed ${atUs - observedAtUs} µs after it was observed`,
        );
        if (delta.notBeforeUs > 0) bounded += 1;
      }
    } finally {
      await host.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });
  await fc.assert(property, { numRuns: 120 });
  assert.ok(bounded > 50, `only ${bounded} changes had a lower bound`);
});
