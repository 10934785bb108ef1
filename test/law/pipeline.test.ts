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
import type { Batch, JsonObject, ObjectRef } from '@driftline/proto';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore, openMemoryTimeline } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';

const logger = pino({ level: 'silent' });
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
  return [...last].filter(([, state]) => state !== 'resolved').map(([key]) => key).sort();
};

type Step =
  | { readonly type: 'put'; readonly name: string; readonly size: number; readonly extra: string }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'cut' }
  | { readonly type: 'deliver'; readonly again: number }
  | { readonly type: 'lose' }
  | { readonly type: 'restart' };

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('put' as const), name, size: fc.nat(10), extra: fc.string({ maxLength: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
  { weight: 5, arbitrary: fc.constant({ type: 'cut' as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('deliver' as const), again: fc.nat(2) }) },
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
