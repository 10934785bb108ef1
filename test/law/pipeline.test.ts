/**
 * The pipeline over random histories: random edits of random objects, cut into random batches, delivered with
 * duplicates, holes and restarts. The timeline must hold each version exactly once and in order (laws 1 and 3) and
 * replay to the agent's objects (law 6).
 */
import type { RecordedBatch } from '@driftline/collector';
import { canonicalJson, objectKey } from '@driftline/proto';
import type { Batch, JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import {
  body,
  configMap,
  inventoryOf,
  item,
  knownOf,
  open,
  openFindings,
  replay,
  sorted,
  versionsOf,
} from './pipeline-rig.ts';

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
