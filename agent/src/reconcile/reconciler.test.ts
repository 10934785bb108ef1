import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { KindDigest, KindVerdict, MessageBody } from '@driftline/proto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openKnown } from '../known/known.ts';
import { packForm } from '../known/packed-form.ts';
import { createByteBudget } from '../watch/byte-budget.ts';
import { KindLine } from '../watch/kind-line.ts';
import { createWatchMetrics } from '../watch/watch-metrics.ts';
import { defaultReconcileLimits } from './reconcile-limits.ts';
import { createReconcileMetrics } from './reconcile-metrics.ts';
import { openReconciler } from './reconciler.ts';
import type { Reconciler } from './reconciler.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-reconciler-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
let files = 0;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const { verdictTimeoutMs, roundsAtOnce, retryMaxMs, selfCheckIntervalMs } = defaultReconcileLimits;
const nextTurns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** Two kinds with an object each, a spool in memory, a clock that is set. */
class Desk {
  nowMs = 1_000;
  recorded = 0;
  isConnected = true;
  readonly sent: MessageBody[] = [];
  readonly lines: readonly KindLine[];
  readonly reconciler: Reconciler;
  readonly #known = openKnown({ path: join(folder, `known-${files++}.db`), epoch: 'e' });

  constructor() {
    const sink = {
      append: async (bodies: readonly MessageBody[]) => {
        const firstSequence = this.sent.length + 1;
        this.sent.push(...bodies);
        return { firstSequence, lastSequence: this.sent.length };
      },
    };
    const reconciling = Promise.withResolvers<Reconciler>();
    this.lines = ['pods', 'nodes'].map((resource) => {
      const known = this.#known.kind('', resource);
      const text = `{"metadata":{"name":"${resource}-1"}}`;
      const object = { uid: 'u', apiVersion: 'v1', resourceVersion: '1', contentHash: sha256(text) };
      const packed = packForm({ canonical: text, owners: '' });
      known.stage({
        changes: [{ namespace: '', name: `${resource}-1`, object: { ...object, packed } }],
        progress: { resumeVersion: '1', seenVersion: '1', isSynced: true },
        durable: Promise.resolve({ firstSequence: 0, lastSequence: 0 }),
      });
      return new KindLine(
        { group: '', version: 'v1', resource, kind: resource },
        {
          sink,
          known,
          capture: { sha256, hmac: sha256 },
          budget: createByteBudget(1 << 20),
          clock: { nowUs: () => this.nowMs * 1_000, earliestUs: () => 0, steps: () => 0 },
          metrics: createWatchMetrics(new Registry()),
          signal: new AbortController().signal,
          onFatal: (error) => assert.fail(String(error)),
          onDigest: (digest) => void reconciling.promise.then((reconciler) => reconciler.sent(digest)),
        },
      );
    });
    this.reconciler = openReconciler({
      known: this.#known,
      lines: () => this.lines,
      line: ({ resource }) => this.lines.find(({ kind }) => kind.resource === resource),
      isWatchReady: () => true,
      answer: async () => undefined,
      position: () => ({ recordedSequence: this.recorded }),
      isConnected: () => this.isConnected,
      limits: { ...defaultReconcileLimits, tickIntervalMs: 3_600_000 },
      metrics: createReconcileMetrics([new Registry()]),
      logger: pino({ level: 'silent' }),
      nowMs: () => this.nowMs,
      random: () => 0.5,
    });
    reconciling.resolve(this.reconciler);
  }

  async tick(afterMs = 0): Promise<void> {
    this.nowMs += afterMs;
    await nextTurns();
    await this.reconciler.tick();
    await nextTurns();
  }

  digests(): readonly KindDigest[] {
    return this.sent.filter((body) => body.type === 'kind-digest');
  }

  /** Answers the newest digest of a kind. */
  async answer(resource: string, verdict: KindVerdict['verdict']): Promise<void> {
    const sequence = 1 + this.sent.findLastIndex((body) => body.type === 'kind-digest' && body.resource === resource);
    this.reconciler.verdict({ type: 'kind-verdict', group: '', resource, sequence, verdict });
    await nextTurns();
  }

  async agreeAll(): Promise<void> {
    await this.tick();
    for (const { kind } of this.lines) await this.answer(kind.resource, { outcome: 'agreed' });
    assert.ok(this.lines.every((line) => line.progress().isAgreed));
  }

  async close(): Promise<void> {
    await this.reconciler.close();
    await this.#known.close();
  }
}

async function atDesk(test: (desk: Desk) => Promise<void>): Promise<void> {
  const desk = new Desk();
  try {
    await test(desk);
  } finally {
    await desk.close();
  }
}

describe('the reconciler', () => {
  it('compares what has not agreed, and nothing that has', async () => {
    await atDesk(async (desk) => {
      await desk.agreeAll();
      assert.deepEqual(
        desk.digests().map(({ cause }) => cause),
        ['epoch-start', 'epoch-start'],
      );
      await desk.tick(verdictTimeoutMs * 3);
      assert.equal(desk.digests().length, 2);
    });
  });

  it('a loss: of a kind that has gone, too, it is said that nothing is left', async () => {
    await atDesk(async (desk) => {
      await desk.agreeAll();
      const nodes = desk.lines[1]!;
      await nodes.end('the API server no longer serves it', '7');
      await nextTurns();
      const told = desk.sent.length;
      desk.reconciler.lost(told);
      desk.recorded = told;
      await desk.tick();
      const digests = desk.digests().slice(-2);
      const said = digests.map(({ resource, objects, resourceVersion }) => ({ resource, objects, resourceVersion }));
      assert.deepEqual(said, [
        { resource: 'pods', objects: 1, resourceVersion: '1' },
        { resource: 'nodes', objects: 0, resourceVersion: '7' },
      ]);
    });
  });

  it('a digest that was recorded and not answered is sent again; one that was not recorded is not', async () => {
    await atDesk(async (desk) => {
      await desk.tick();
      await desk.answer('nodes', { outcome: 'agreed' });
      await desk.tick(verdictTimeoutMs * 2);
      assert.equal(desk.digests().length, 2, 'the collector may be far behind');
      desk.recorded = desk.sent.length;
      await desk.tick();
      await desk.tick(verdictTimeoutMs - 1);
      assert.equal(desk.digests().length, 2);
      await desk.tick(1);
      assert.deepEqual(
        desk.digests().map(({ resource }) => resource),
        ['pods', 'nodes', 'pods'],
      );
      // The old answer comes late: it is about a state that is past.
      desk.reconciler.verdict({
        type: 'kind-verdict',
        group: '',
        resource: 'pods',
        sequence: 1,
        verdict: { outcome: 'agreed' },
      });
      await nextTurns();
      assert.equal(desk.lines[0]?.progress().isAgreed, false);
    });
  });

  it('after a loss everything is in doubt, and compared once the collector is past it', async () => {
    await atDesk(async (desk) => {
      await desk.agreeAll();
      desk.reconciler.lost(50);
      await desk.tick();
      assert.equal(desk.digests().length, 2);
      desk.recorded = 50;
      desk.isConnected = false;
      await desk.tick();
      assert.equal(desk.digests().length, 2);
      desk.isConnected = true;
      await desk.tick();
      assert.deepEqual(
        desk
          .digests()
          .map(({ cause }) => cause)
          .slice(2),
        ['loss', 'loss'],
      );
    });
  });

  it('a self-check takes one kind at a time, and says since when both agreed', async () => {
    await atDesk(async (desk) => {
      await desk.agreeAll();
      await desk.tick(selfCheckIntervalMs * 1.3);
      assert.equal(desk.digests().length, 3);
      await desk.tick();
      await desk.tick();
      const [pods, nodes, ...more] = desk.digests().slice(2);
      assert.deepEqual([pods?.resource, nodes?.resource, more], ['pods', 'nodes', []]);
      assert.deepEqual([pods?.cause, pods?.agreedVersion, pods?.agreedAtUs], ['self-check', '1', 1_000_000]);
    });
  });

  it('a kind that never agrees is left alone for a while, not for ever', async () => {
    await atDesk(async (desk) => {
      await desk.tick();
      await desk.answer('nodes', { outcome: 'agreed' });
      for (let round = 0; round <= roundsAtOnce; round++) await desk.answer('pods', { outcome: 'all' });
      const before = desk.digests().length;
      assert.equal(before, 2 + roundsAtOnce);
      await desk.tick(1_000);
      assert.equal(desk.digests().length, before);
      await desk.tick(retryMaxMs);
      assert.equal(desk.digests().length, before + 1);
      assert.equal(desk.sent.filter((body) => body.type === 'delta' && body.op === 'snapshot').length, roundsAtOnce);
    });
  });
});
