/**
 * Scores over time: what is written of them is a function of what happened, not of the lives the collector had, and a
 * fall names the change and the finding that it is due to.
 */
import type { PostureRow, RegressionRow } from '@driftline/collector';
import type { CompiledControl } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore, type MemoryStore } from '../fakes/memory-timeline.ts';
import { body, bundle, configMap, cutOf, item, meta, open, tooLarge } from './pipeline-rig.ts';

const startUs = 1_800_000_000_000_000;

const written = (store: MemoryStore) => ({
  points: store.batches.flatMap(({ posture }): readonly PostureRow[] => posture),
  regressions: store.batches.flatMap(({ regressions }): readonly RegressionRow[] => regressions),
});

test('a change that takes the score down is told once, with its finding; a first list is no fall', async () => {
  const store = createMemoryStore();
  const agent = new AgentStream('e1', startUs);
  const { pipeline } = open(store, bundle(tooLarge), () => agent.nowUs / 1_000);
  const take = () => pipeline.handle([item(agent, cutOf(agent))]);
  const labelled = (name: string, size: number) => {
    const { metadata, ...rest } = body(name, { size });
    return { ...rest, metadata: { ...(metadata as object), labels: { owner: 'shop-team' } } };
  };
  for (const name of ['a', 'b', 'c']) {
    agent.put(configMap(name), labelled(name, name === 'a' ? 1 : 9), { op: 'snapshot' });
    await take();
  }
  assert.deepEqual(written(store).regressions, []);
  agent.put(configMap('d'), labelled('d', 1));
  agent.put(configMap('e'), labelled('e', 1));
  await take();
  agent.put(configMap('a'), labelled('a', 9));
  await take();
  const { regressions } = written(store);
  const [opened] = store.batches.at(-1)?.transitions ?? [];
  assert.deepEqual(
    regressions.map(({ scope, fromScore, score, causes, findingIds, changeIds }) => [
      scope,
      [fromScore, score, causes],
      findingIds,
      changeIds,
    ]),
    ['category:compute', 'cluster', 'namespace:shop', 'owner:shop-team'].map((scope) => [
      scope,
      [60, 40, 1],
      [opened?.findingId],
      [`e1:${agent.lastSequence}`],
    ]),
  );
  // What passed is gone: no finding was opened, and the changes are named.
  agent.remove(configMap('d'));
  agent.remove(configMap('e'));
  await take();
  const fallen = written(store).regressions.find(({ scope, score }) => scope === 'cluster' && score === 0);
  assert.deepEqual(
    [fallen?.causes, fallen?.changeIds],
    [0, [`e1:${agent.lastSequence - 1}`, `e1:${agent.lastSequence}`]],
  );
  await pipeline.close();
});

/** Each control in a category of its own, so that there are parts to add up. */
const alsoEmpty: CompiledControl = {
  ...tooLarge,
  meta: { ...meta('empty'), category: 'data' },
  evaluate: (object) =>
    (object['data'] as JsonObject)['size'] === 0
      ? { verdict: 'fail', violations: [{ path: 'data.size', value: '0', reason: 'empty' }] }
      : { verdict: 'pass' },
};
const namespaceOf = (name: string) => (name < 'c' ? 'shop' : 'bank');
const ownedBody = (name: string, size: number): JsonObject => ({
  ...body(name, { size }),
  metadata: { name, namespace: namespaceOf(name), labels: { owner: `team-${name}` } },
});

const summed = ['earned', 'possible', 'passing', 'failing', 'excepted', 'notAssessable', 'unjudged'] as const;
const totals = (rows: readonly PostureRow[]) => [
  ...summed.map((count) => rows.reduce((sum, row) => sum + row[count], 0)),
  rows.reduce((sum, { openBySeverity }) => sum + openBySeverity.high, 0),
];

/** After every batch, the last points of the parts are together the cluster's. */
const assertPartsAddUp = (store: MemoryStore) => {
  const last = new Map<string, PostureRow>();
  for (const { posture } of store.batches) {
    for (const row of posture) last.set(row.scope, row);
    const of = (type: string) => totals([...last.values()].filter(({ scope }) => scope.split(':')[0] === type));
    for (const type of ['category', 'namespace', 'owner', 'control']) assert.deepEqual(of(type), of('cluster'), type);
  }
};

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      size: fc.nat(10),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), seconds: fc.nat(90) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), seconds: fc.nat(900) }) },
  { weight: 2, arbitrary: fc.constant({ type: 'restart' as const }) },
);

test('the points and the falls are the same whatever lives the collector had, and parts add up to the cluster at any time', async () => {
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
  const run = async (steps: readonly Step[], hasRestarts: boolean) => {
    const store = createMemoryStore();
    const agent = new AgentStream('e1', startUs);
    const life = () => open(store, bundle(tooLarge, alsoEmpty), () => agent.nowUs / 1_000).pipeline;
    let pipeline = life();
    for (const one of steps) {
      if (one.type === 'put')
        agent.put({ ...configMap(one.name), namespace: namespaceOf(one.name) }, ownedBody(one.name, one.size));
      if (one.type === 'remove' && agent.known.size > 0) agent.remove([...agent.known.values()][0]!.ref);
      if (one.type === 'wait') agent.wait(one.seconds * 1_000_000);
      const batch = agent.cut();
      if (batch !== undefined) await pipeline.handle([item(agent, batch)]);
      // What must wait is looked after by a timer; both have it at the same moments.
      if (one.type === 'wait') await pipeline.housekeep();
      if (one.type !== 'restart' || !hasRestarts) continue;
      await pipeline.close();
      pipeline = life();
      await pipeline.recoverAll();
    }
    await pipeline.close();
    assertPartsAddUp(store);
    // Which changes lowered a score that had to wait is not remembered over a restart; its findings are.
    const { points, regressions } = written(store);
    return { points, regressions: regressions.map(({ changeIds: _changeIds, ...row }) => row) };
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      assert.deepEqual(await run(steps, true), await run(steps, false));
    }),
    { numRuns: 40 },
  );
});
