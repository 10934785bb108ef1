/**
 * Two agents of one cluster, as a rolling update or a mistake makes them: one streams, the other waits and says so. When
 * the first goes the other goes on, and again the other way round. Nothing is told twice, and nothing is missing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Agent } from '@driftline/agent';
import { currentOf, recordTruth } from '../fakes/embedded/truth.ts';
import { until } from '../fakes/embedded/process.ts';
import { SmallSystem } from '../fakes/small-system.ts';

const watched = 'configmaps';
const url = '/api/v1/namespaces/default/configmaps';
const objects = 6;

/** What the timeline says of the objects, in its order. */
function told(system: SmallSystem) {
  return system.store.batches.flatMap(({ stream, versions }) =>
    versions
      .filter(({ name }) => name.startsWith('turn-'))
      .map(({ name, op, body }) => ({ name, op, n: body === '' ? '' : nOf(body), epoch: stream.epoch })),
  );
}

const nOf = (body: string): string => (JSON.parse(body) as { data: { n: string } }).data.n;

test('agents that take turns: each version once, in order, and only the changes of streams are confessed', async (context) => {
  const system = await SmallSystem.open();
  const truth = recordTruth(system.cluster, system.hmac, (resource) => resource === watched);
  const agents: Agent[] = [];
  const open = async (state: string): Promise<Agent> => {
    const agent = await system.openAgent(watched, state);
    agents.push(agent);
    return agent;
  };
  context.after(async () => {
    truth.stop();
    await Promise.all(agents.map((agent) => agent.close()));
    await system.close();
  });
  let n = 0;
  const written: string[] = [];
  const write = (): void => {
    n += 1;
    const name = `turn-${n % objects}`;
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { n: `${n}` } };
    const exists = n > objects;
    const { actor } = system;
    const answer = exists ? actor.request('PUT', `${url}/${name}`, body) : actor.request('POST', url, body);
    assert.ok(answer.status < 300, `${answer.status}`);
    written.push(`${name} ${n}`);
  };
  const isTold = (): Promise<void> =>
    until(() => told(system).some(({ n: last }) => last === `${n}`), `version ${n} is told`);
  const writeSome = async (): Promise<void> => {
    for (let i = 0; i < objects + 2; i++) {
      write();
      if (i % 3 === 0) await isTold();
    }
    await isTold();
  };
  /** Until the agent that waits says why. */
  const isRefused = (agent: Agent): Promise<void> =>
    until(async () => {
      const health = await fetch(`http://127.0.0.1:${agent.healthPort}/readyz`);
      return (await health.text()).includes('refused (already-claimed)');
    }, 'the other waits');

  await system.startCollector({ claimRetryMs: 100 });
  let streaming = { agent: await open('state-a'), state: 'state-a' };
  let waiting = '';
  await writeSome();
  const turns = 2;
  for (let turn = 1; turn <= turns; turn++) {
    waiting = streaming.state === 'state-a' ? 'state-b' : 'state-a';
    const next = await open(waiting);
    await isRefused(next);
    await writeSome();
    assert.equal(new Set(told(system).map(({ epoch }) => epoch)).size, turn, 'the first goes on');
    await streaming.agent.close();
    streaming = { agent: next, state: waiting };
    await until(async () => {
      const health = await fetch(`http://127.0.0.1:${next.healthPort}/readyz`);
      return health.ok;
    }, 'the other streams');
    await writeSome();
  }
  const rows = told(system);
  assert.deepEqual(
    rows.map(({ name, n: version }) => `${name} ${version}`),
    written,
  );
  assert.deepEqual(
    rows.filter(({ op }) => op === 'deleted'),
    [],
  );
  const epochs = new Set(system.store.batches.map(({ stream }) => stream.epoch));
  const causes = new Set(system.store.batches.flatMap(({ gaps }) => gaps.map(({ cause }) => cause)));
  assert.deepEqual([epochs.size, [...causes]], [turns + 1, ['epoch_start']]);
  assert.equal(currentOf(truth.history).size >= objects, true);
});
