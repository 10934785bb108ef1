/** An exception from its beginning to its end, across a restart: nothing is said twice, and the end needs no change. */
import { createHash } from 'node:crypto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBundle } from '@driftline/policy';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import { body, bundle, configMap, cutOf, item, open, tooLarge } from './pipeline-rig.ts';

const exception = {
  apiVersion: 'driftline.dev/v1',
  kind: 'Exception',
  id: 'EX-1',
  controls: ['too-large'],
  scope: { clusters: ['east'], namespaces: ['shop'] },
  owner: 'team-a',
  approver: 'alice@example.org',
  reason: 'until the split',
  expires: '2027-01-15T08:10:00Z',
};

test('excepted, kept over a restart, reopened at its end by the collector itself, resolved by a change', async () => {
  const loaded = loadBundle({
    files: [{ path: 'ex.yaml', text: JSON.stringify(exception) }],
    relations: [],
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  });
  assert.ok(loaded.ok);
  const policy = { ...bundle(tooLarge), exceptions: loaded.bundle.exceptions };
  const store = createMemoryStore();
  const told = () =>
    store.batches
      .flatMap(({ transitions }) => transitions)
      .map(({ state, reason, cause }) => `${state} ${cause} ${reason}`);
  const agent = new AgentStream('e1');
  let nowMs = Date.parse('2027-01-15T08:00:00Z');

  const first = open(store, policy, () => nowMs);
  await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
  await first.pipeline.close();
  const second = open(store, policy, () => nowMs);
  await second.pipeline.handle([item(agent, cutOf(agent.put(configMap('b'), body('b', { size: 1 }))))]);
  await second.pipeline.housekeep();
  assert.deepEqual(told(), ['excepted change excepted by EX-1 until 2027-01-15T08:10:00Z: larger than 5']);

  nowMs = Date.parse('2027-01-15T08:10:00Z');
  await second.pipeline.housekeep();
  await second.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 2 }))))]);
  assert.deepEqual(told().slice(1), ['reopened deadline larger than 5', 'resolved change no longer fails']);
  await second.pipeline.close();
});
