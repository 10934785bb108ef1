/**
 * The pipeline over random histories: random edits of random objects, cut into random batches, delivered with
 * duplicates, holes and restarts. The timeline must hold each version exactly once and in order (laws 1 and 3), replay
 * to the agent's objects (law 6), and never stand still (law 8).
 */
import { openMemoryBus, openPipeline } from '@driftline/collector';
import type { Feedback, Pipeline, PolicyBundle, RecordedBatch, StreamBatch } from '@driftline/collector';
import { createMetrics, defaultPipelineLimits, openClusterJudge } from '@driftline/collector';
import type { CompiledControl } from '@driftline/policy';
import { canonicalJson, objectKey } from '@driftline/proto';
import type { Batch, JsonObject, KindSynced, ObjectRef } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { pino } from 'pino';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore, openMemoryTimeline } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';

const logger = pino({ level: 'silent' });
const sha256 = (text: string): string => hash('sha256', text, 'hex');
const id = { tenant: 'default', cluster: 'east' };

const meta = (name: string): CompiledControl['meta'] => ({
  id: name,
  title: name,
  severity: 'high',
  weight: 1,
  category: 'compute',
  rationale: '',
  remediation: { summary: '', fields: [], impact: '' },
  references: [],
  frameworks: [],
});

/** Fails objects whose data.size is above 5. */
const tooLarge: CompiledControl = {
  meta: meta('too-large'),
  language: 'relation',
  kinds: [{ group: '', kind: 'ConfigMap' }],
  selfContained: true,
  evaluate: (object) => {
    const data = object['data'] as JsonObject | undefined;
    const size = data?.['size'];
    if (typeof size !== 'number' || size <= 5) return { verdict: 'pass' };
    return { verdict: 'fail', violations: [{ path: 'data.size', value: String(size), reason: 'larger than 5' }] };
  },
};

const throwing: CompiledControl = {
  ...tooLarge,
  meta: meta('throwing'),
  evaluate: () => {
    throw new TypeError('broken control');
  },
};

const bundle = (...controls: readonly CompiledControl[]): PolicyBundle => ({
  controls,
  version: controls.map((control) => control.meta.id).join('+'),
});

const open = (store: MemoryStore, policy: PolicyBundle = bundle(tooLarge), now = () => 1_800_000_000_000) => {
  const bus = openMemoryBus();
  const feedback: Feedback[] = [];
  bus.writer.onFeedback((each) => feedback.push(each));
  const timeline = openMemoryTimeline(store);
  const pipeline = openPipeline({
    writer: timeline,
    recovery: timeline,
    feedback: bus.reader,
    openJudge: (cluster, inventory, before) =>
      openClusterJudge({ bundle: policy, onFailure: () => {} }, cluster, inventory, before),
    limits: { ...defaultPipelineLimits, housekeepingIntervalMs: 3_600_000 },
    metrics: createMetrics(),
    logger,
    now,
  });
  return { pipeline, feedback, timeline };
};

const item = (agent: AgentStream, batch: Batch): StreamBatch => ({
  stream: { ...id, epoch: agent.epoch },
  oldestSequence: agent.oldestSequence,
  batch,
});

const configMap = (name: string, uid = `uid-${name}`): ObjectRef => ({
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace: 'shop',
  name,
  uid,
});

const body = (name: string, data: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data,
});

const versionsOf = (store: MemoryStore) =>
  store.batches.flatMap((batch) => batch.versions.map((row) => ({ ...row, epoch: batch.stream.epoch })));

/** Replays the timeline: the last body of every object that was not deleted. */
const replay = (store: MemoryStore): Map<string, string> => {
  const objects = new Map<string, string>();
  for (const row of versionsOf(store)) {
    if (row.op === 'deleted') objects.delete(objectKey(row));
    else objects.set(objectKey(row), row.body);
  }
  return objects;
};

const inventoryOf = (pipeline: Pipeline): Map<string, string> => {
  const objects = new Map<string, string>();
  for (const { inventory } of pipeline.memories())
    for (const key of inventory.keys()) objects.set(key, inventory.text(key) ?? '');
  return objects;
};

const knownOf = (agent: AgentStream): Map<string, string> =>
  new Map([...agent.known].map(([key, { object }]) => [key, canonicalJson(object)]));

const sorted = (map: Map<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

const openFindings = (store: MemoryStore): string[] => {
  const last = new Map<string, string>();
  for (const batch of store.batches)
    for (const row of batch.transitions) last.set(`${row.control} ${row.name} ${row.uid}`, row.state);
  return [...last]
    .filter(([, state]) => state !== 'resolved')
    .map(([key]) => key)
    .sort();
};

type Step =
  | { readonly type: 'put'; readonly name: string; readonly size: number; readonly extra: string }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'cut' }
  | { readonly type: 'deliver'; readonly again: number }
  | { readonly type: 'repeat'; readonly at: number }
  | { readonly type: 'lose' }
  | { readonly type: 'restart' };

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      name,
      size: fc.nat(10),
      extra: fc.string({ maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
  { weight: 5, arbitrary: fc.constant({ type: 'cut' as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('deliver' as const), again: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('repeat' as const), at: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'lose' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
);

type Expected = { readonly sequence: number; readonly name: string; readonly op: string; readonly body: string };

/** Runs a history; every batch is at last delivered and acknowledged. */
const run = async (steps: readonly Step[]) => {
  const store = createMemoryStore();
  const agent = new AgentStream('e1');
  const expected: Expected[] = [];
  let current = open(store);
  const deliver = async (batches: readonly Batch[]): Promise<void> => {
    await current.pipeline.handle(batches.map((batch) => item(agent, batch)));
  };
  let sent = 0;
  for (const each of steps) {
    if (each.type === 'put') {
      const object = body(each.name, { size: each.size, [each.name]: each.extra });
      const before = agent.known.get(objectKey(configMap(each.name)));
      agent.put(configMap(each.name), object);
      const after = agent.known.get(objectKey(configMap(each.name)));
      if (before?.hash !== after?.hash)
        expected.push({
          sequence: expected.length + 1,
          name: each.name,
          op: before === undefined ? 'created' : 'modified',
          body: canonicalJson(object),
        });
    } else if (each.type === 'remove') {
      if (!agent.known.has(objectKey(configMap(each.name)))) continue;
      agent.remove(configMap(each.name));
      expected.push({ sequence: expected.length + 1, name: each.name, op: 'deleted', body: '' });
    } else if (each.type === 'cut') {
      agent.cut();
    } else if (each.type === 'deliver') {
      // Not awaited by turns: groups overlap, and what was delivered before comes again.
      const from = Math.max(0, sent - each.again);
      await deliver(agent.spool.slice(from));
      sent = agent.spool.length;
    } else if (each.type === 'repeat') {
      // A single old batch comes again, out of order.
      const old = agent.spool[each.at % Math.max(1, sent)];
      if (old !== undefined && sent > 0) await deliver([old]);
    } else if (each.type === 'lose') {
      // The bus loses the newest batch but hands over what follows.
      agent.cut();
      sent = agent.spool.length;
    } else {
      await current.pipeline.close();
      current = open(store);
    }
  }
  agent.cut();
  await deliver(agent.spool);
  return { store, agent, expected, ...current };
};

describe('the pipeline over random histories', () => {
  test('every version is recorded exactly once and in order, and replay = inventory = reality', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { store, agent, expected, pipeline } = await run(steps);
        const recorded = versionsOf(store).map(({ sequence, name, op, body }) => ({ sequence, name, op, body }));
        assert.deepEqual(recorded, expected);
        assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
        assert.deepEqual(sorted(inventoryOf(pipeline)), sorted(knownOf(agent)));
        const failing = [...agent.known.values()]
          .filter(({ object }) => Number((object['data'] as JsonObject)['size']) > 5)
          .map(({ ref }) => `too-large ${ref.name} ${ref.uid}`);
        assert.deepEqual(openFindings(store), failing.sort());
        await pipeline.close();
      }),
      { numRuns: 60 },
    );
  });

  test('a restart at any batch gives the same rows as none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const withRestarts = await run(steps);
        const without = await run(steps.filter((each) => each.type !== 'restart'));
        const rows = (batches: readonly RecordedBatch[]) =>
          batches.flatMap(({ versions, transitions, links, gaps }) => [versions, transitions, links, gaps].flat());
        assert.deepEqual(rows(withRestarts.store.batches), rows(without.store.batches));
        await Promise.all([withRestarts.pipeline.close(), without.pipeline.close()]);
      }),
      { numRuns: 30 },
    );
  });
});

const stream = { ...id, epoch: 'e1' };
const gapsOf = (store: MemoryStore) => store.batches.flatMap((batch) => batch.gaps);
const cutOf = (agent: AgentStream): Batch => {
  const batch = agent.cut();
  assert.ok(batch !== undefined);
  return batch;
};

describe('what does not fit', () => {
  test('a hole is asked for again, and nothing after it is recorded before it comes', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    const batches = ['a', 'b', 'c'].map((each) => cutOf(agent.put(configMap(each), body(each, {}))));
    await pipeline.handle([item(agent, batches[0]!), item(agent, batches[2]!)]);
    assert.deepEqual(
      versionsOf(store).map((row) => row.name),
      ['a'],
    );
    const resends = feedback.filter((each) => each.type === 'resend');
    assert.deepEqual(resends, [{ type: 'resend', stream, fromSequence: 2 }]);
    await pipeline.handle([item(agent, batches[1]!), item(agent, batches[2]!)]);
    assert.deepEqual(
      versionsOf(store).map((row) => row.name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });

  test('a hole that the agent cannot fill is confessed once, and the line goes on', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    cutOf(agent.put(configMap('b'), body('b', {})));
    cutOf(agent.put(configMap('b'), body('b', { size: 1 })));
    agent.release(3);
    const last = item(agent, cutOf(agent.put(configMap('c'), body('c', {}))));
    await pipeline.handle([last, last]);
    const [gap, ...others] = gapsOf(store);
    assert.deepEqual(others, []);
    assert.deepEqual([gap?.cause, gap?.fromSequence, gap?.toSequence, gap?.sequence], ['sequence_hole', 2, 3, 4]);
    assert.equal(versionsOf(store).at(-1)?.name, 'c');
    await pipeline.close();
  });

  test('a patch that does not fit is never guessed: a gap, the whole object, and the truth again', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
    cutOf(agent.put(configMap('a'), body('a', { size: 2 })));
    agent.release(2);
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 3 }))))]);
    assert.equal(versionsOf(store).length, 1);
    assert.deepEqual(
      feedback.filter((each) => each.type === 'need-full'),
      [{ type: 'need-full', stream, objects: [configMap('a')] }],
    );
    assert.deepEqual(
      gapsOf(store).map((gap) => [gap.cause, gap.fromVersion, gap.toVersion]),
      [
        ['sequence_hole', '', ''],
        ['undecodable', '1', '3'],
      ],
    );
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    assert.deepEqual(sorted(inventoryOf(pipeline)), sorted(knownOf(agent)));
    await pipeline.close();
  });

  test('an object that is wanted is asked for again until it comes', async () => {
    const store = createMemoryStore();
    let nowMs = 1_000_000;
    const { pipeline, feedback } = open(store, bundle(tooLarge), () => nowMs);
    const agent = new AgentStream('e1');
    agent.put(configMap('a'), body('a', {}));
    cutOf(agent);
    agent.release(1);
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
    const asked = (): number => feedback.filter((each) => each.type === 'need-full').length;
    assert.equal(asked(), 1);
    await pipeline.housekeep();
    assert.equal(asked(), 1);
    nowMs += defaultPipelineLimits.fullRequestIntervalMs;
    await pipeline.housekeep();
    assert.equal(asked(), 2);
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    nowMs += defaultPipelineLimits.fullRequestIntervalMs;
    await pipeline.housekeep();
    assert.equal(asked(), 2);
    await pipeline.close();
  });
});

describe('law 8: recording never waits', () => {
  test('a control that throws leaves the version recorded, the others judged, and itself unjudged', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store, bundle(throwing, tooLarge));
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
    const [batch] = store.batches;
    assert.equal(batch?.versions.length, 1);
    assert.deepEqual(openFindings(store), ['too-large a uid-a']);
    const [row] = batch?.unjudged ?? [];
    assert.deepEqual([row?.control, row?.state, row?.name], ['throwing', 'unjudged', 'a']);
    assert.match(row?.reason ?? '', /broken control/);
    await pipeline.close();
  });

  test('poison of every kind becomes rejected rows and gaps, is acknowledged, and what follows is recorded', async () => {
    const poison: ((agent: AgentStream) => Batch)[] = [
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), payload: new Uint8Array([1, 2, 3]) }),
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), payload: zstdCompressSync(Buffer.alloc(64)) }),
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), lastSequence: agent.lastSequence + 3 }),
      (agent) => ({
        ...cutOf(agent.put(configMap('x'), body('x', {}))),
        payload: zstdCompressSync(Buffer.alloc(defaultPipelineLimits.batchUncompressedBytes + 1)),
      }),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '{"half":' })),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '[]', contentHash: sha256('[]') })),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '{}' })),
      (agent) => cutOf(agent.put(configMap('x'), body('another', {}))),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: undefined, patch: undefined })),
    ];
    for (const [at, make] of poison.entries()) {
      const store = createMemoryStore();
      const { pipeline, feedback } = open(store);
      const agent = new AgentStream('e1');
      const bad = make(agent);
      await pipeline.handle([item(agent, bad)]);
      const next = new AgentStream('e1');
      next.put(configMap('a'), body('a', { size: 9 }));
      const shifted = { ...cutOf(next), firstSequence: bad.lastSequence + 1, lastSequence: bad.lastSequence + 1 };
      await pipeline.handle([item(agent, shifted)]);
      const rejected = store.batches.flatMap((batch) => batch.rejected);
      assert.equal(rejected.length, 1, `poison ${at}`);
      assert.equal(gapsOf(store).length, 1, `poison ${at}`);
      assert.deepEqual(
        versionsOf(store).map((row) => row.name),
        ['a'],
        `poison ${at}`,
      );
      assert.deepEqual(openFindings(store), ['too-large a uid-a']);
      assert.deepEqual(feedback.at(-1), { type: 'recorded', stream, sequence: bad.lastSequence + 1 });
      await pipeline.close();
    }
  });

  test('a store that refuses fails the handler, and nothing is acknowledged', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    const acknowledged = feedback.length;
    store.refusal = new Error('read-only');
    const next = item(agent, cutOf(agent.put(configMap('b'), body('b', {}))));
    await assert.rejects(pipeline.handle([next]), /read-only/);
    assert.equal(feedback.length, acknowledged);
    await pipeline.close();
  });
});

describe('a new epoch', () => {
  const gap = { type: 'gap', group: '', resource: '', fromVersion: '', toVersion: '' } as const;
  const epochStart = {
    ...gap,
    fromUs: 0,
    toUs: 0,
    cause: 'epoch_start',
    detail: '',
    fromSequence: 0,
    toSequence: 0,
  } as const;
  const synced = (agent: AgentStream): KindSynced => ({
    type: 'kind-synced',
    group: '',
    resource: 'configmaps',
    kind: 'ConfigMap',
    resourceVersion: agent.lastVersion,
    objects: agent.known.size,
  });
  /** An agent that has lost its memory lists everything again. */
  const successor = (names: readonly string[], sizes: Record<string, number> = {}): AgentStream => {
    const agent = new AgentStream('e2', 1_700_000_100_000_000, 1_000);
    agent.send(epochStart);
    for (const each of names) agent.put(configMap(each), body(each, { size: sizes[each] ?? 1 }), { op: 'snapshot' });
    return agent.send(synced(agent));
  };
  const firstLife = async (store: MemoryStore) => {
    const opened = open(store);
    const agent = new AgentStream('e1');
    agent.send(epochStart);
    for (const each of ['a', 'b', 'c']) agent.put(configMap(each), body(each, { size: each === 'b' ? 9 : 1 }));
    await opened.pipeline.handle([item(agent, cutOf(agent.send(synced(agent))))]);
    return opened;
  };

  test('the first epoch has nothing behind it: no gap', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });

  test('same content is no version; what vanished is deleted once its kind is synced; the loss is confessed', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    const agent = successor(['a', 'c'], { c: 2 });
    await pipeline.handle([item(agent, cutOf(agent))]);
    const rows = versionsOf(store).filter((row) => row.epoch === 'e2');
    assert.deepEqual(
      rows.map((row) => [row.name, row.op, row.synthesised]),
      [
        ['c', 'snapshot', false],
        ['b', 'deleted', true],
      ],
    );
    assert.deepEqual(
      gapsOf(store).map((each) => [each.cause, each.detail]),
      [['epoch_start', 'agent state lost']],
    );
    assert.deepEqual(openFindings(store), []);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    await pipeline.close();
  });

  test('after a restart in the middle of the new list nothing is deleted by guess: the unsure are asked for', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    const agent = new AgentStream('e2', 1_700_000_100_000_000, 1_000);
    agent.send(epochStart).put(configMap('a'), body('a', { size: 1 }), { op: 'snapshot' });
    await pipeline.handle([item(agent, cutOf(agent))]);
    await pipeline.close();
    const again = open(store);
    agent.put(configMap('c'), body('c', { size: 1 }), { op: 'snapshot' }).send(synced(agent));
    await again.pipeline.handle([item(agent, cutOf(agent))]);
    assert.deepEqual(
      versionsOf(store).filter((row) => row.op === 'deleted'),
      [],
    );
    const asked = again.feedback.flatMap((each) => (each.type === 'need-full' ? each.objects : []));
    assert.deepEqual(
      asked.map((ref) => ref.name),
      ['a', 'b'],
    );
    for (const ref of asked) agent.snapshot(ref);
    await again.pipeline.handle([item(agent, cutOf(agent))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    await again.pipeline.close();
  });
});

describe('a restart', () => {
  test('without a change records nothing', async () => {
    const store = createMemoryStore();
    const first = open(store, bundle(tooLarge, throwing));
    const agent = new AgentStream('e1');
    agent.put(configMap('a'), body('a', { size: 9 })).put(configMap('b'), body('b', { size: 1 }));
    const batch = item(agent, cutOf(agent));
    await first.pipeline.handle([batch]);
    await first.pipeline.close();
    const recorded = store.batches.length;
    const second = open(store, bundle(tooLarge, throwing));
    await second.pipeline.recoverAll();
    await second.pipeline.handle([batch]);
    assert.equal(store.batches.length, recorded);
    assert.deepEqual(second.feedback, [{ type: 'recorded', stream, sequence: 2 }]);
    await second.pipeline.close();
  });

  test("with a new bundle records what it finds in the collector's own stream, once", async () => {
    const store = createMemoryStore();
    const first = open(store, bundle());
    const agent = new AgentStream('e1');
    await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
    await first.pipeline.close();
    for (let restart = 0; restart < 2; restart++) {
      const next = open(store, bundle(tooLarge));
      await next.pipeline.recoverAll();
      await next.pipeline.close();
    }
    const own = store.batches.filter((batch) => batch.stream.epoch === 'collector');
    assert.equal(own.length, 1);
    assert.deepEqual(
      own[0]?.transitions.map((row) => [row.control, row.state, row.cause, row.sequence]),
      [['too-large', 'opened', 'bundle', 1]],
    );
  });

  test('an audit event still finds the change that was recorded before it', async () => {
    const store = createMemoryStore();
    const first = open(store);
    const agent = new AgentStream('e1');
    await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    await first.pipeline.close();
    const second = open(store);
    const event = {
      kind: 'Event',
      auditID: 'id-1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      verb: 'create',
      user: { username: 'alice@example.com', groups: ['dev'] },
      userAgent: 'kubectl/v1.34',
      objectRef: { resource: 'configmaps', namespace: 'shop', name: 'a', apiVersion: 'v1' },
      responseStatus: { code: 201 },
      responseObject: { metadata: { name: 'a', uid: 'uid-a', resourceVersion: '1' } },
      requestReceivedTimestamp: '2023-11-14T22:13:20.000000Z',
      stageTimestamp: '2023-11-14T22:13:20.000500Z',
    };
    const audit = { type: 'audit', digest: 'd1', event: JSON.stringify(event), source: 'webhook' } as const;
    await second.pipeline.handle([item(agent, cutOf(agent.send(audit)))]);
    const batch = item(agent, cutOf(agent.send(audit)));
    await second.pipeline.handle([batch]);
    const links = store.batches.flatMap((each) => each.links);
    assert.deepEqual(
      links.map((link) => [link.changeSequence, link.confidence, link.origin, link.user, link.sequence]),
      [[1, 'exact', 'human', 'alice@example.com', 2]],
    );
    assert.equal(store.batches.flatMap((each) => each.audits).length, 1, 'the repeated event is recorded once');
    await second.pipeline.close();
  });
});

test('batches that come while a group is written share the next group', async () => {
  const store = createMemoryStore();
  const { pipeline } = open(store);
  const agent = new AgentStream('e1');
  await pipeline.handle([item(agent, cutOf(agent.put(configMap('first'), body('first', {}))))]);
  const before = store.groups;
  store.delay = () => new Promise((resolve) => setTimeout(resolve, 100));
  const batches = Array.from({ length: 50 }, (_, at) =>
    item(agent, cutOf(agent.put(configMap('a'), body('a', { size: at })))),
  );
  await Promise.all(batches.map((batch) => pipeline.handle([batch])));
  assert.equal(versionsOf(store).length, 51);
  assert.ok(store.groups - before <= 3, `${store.groups - before} groups`);
  await pipeline.close();
});

test('two clusters do not see each other, and two tenants may call a cluster the same', async () => {
  const store = createMemoryStore();
  const { pipeline } = open(store);
  const agents = ['one', 'two'].map((tenant) => ({ tenant, agent: new AgentStream('e1') }));
  for (const [at, { tenant, agent }] of agents.entries()) {
    const made = item(agent, cutOf(agent.put(configMap('a'), body('a', { size: at * 9 }))));
    await pipeline.handle([{ ...made, stream: { tenant, cluster: 'east', epoch: 'e1' } }]);
  }
  assert.deepEqual(
    store.batches.map((batch) => [batch.stream.tenant, batch.versions.length, batch.transitions.length]),
    [
      ['one', 1, 0],
      ['two', 1, 1],
    ],
  );
  await pipeline.close();
});
