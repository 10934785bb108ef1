/**
 * Kill -9 of agent, collector and ClickHouse at random moments while the cluster is being written to. The practice
 * cluster keeps the truth. As the spool and the watch window survive every kill, the timeline must hold every version
 * whose form differs exactly once and in order, without a single gap, under an unbroken chain (laws 1, 3 and 7).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedSystem, clusterName, openEmbeddedSystem } from '../fakes/embedded-system.ts';

let system: EmbeddedSystem;
before(async () => {
  system = await openEmbeddedSystem({ collector: 'process' });
});
after(() => system.close());

/** What is written around one kill: enough for a kill to fall among it, and no more on a machine where each takes long. */
const writesPerKill = 250;

/** Creates, changes, deletes and creates again under few names, so that order matters. */
function startWriting(): { readonly more: () => void; readonly stop: () => number } {
  const actor = system.actor();
  let writes = 0;
  let allowed = 0;
  const timer = setInterval(() => {
    if (writes === allowed) return;
    writes += 1;
    const target = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: `busy-${(writes * 7) % 11}` };
    const data = { n: String(writes), password: `not a real one ${writes % 3}` };
    if (actor.get(target) === undefined) {
      const { namespace, name } = target;
      actor.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data });
    } else if (writes % 6 === 0) actor.delete(target);
    else actor.patch(target, 'merge', { data });
  }, 4);
  return {
    more: () => void (allowed = writes + writesPerKill),
    stop: () => {
      clearInterval(timer);
      return writes;
    },
  };
}

const victims = {
  agent: async () => {
    await system.killAgent();
    await sleep(Math.random() * 200);
    await system.startAgent({ waits: false });
  },
  collector: async () => {
    await system.killCollector();
    await sleep(Math.random() * 200);
    await system.startCollector();
  },
  // Its parent starts it again.
  ClickHouse: async () => {
    process.kill(system.clickHousePid(), 'SIGKILL');
    await sleep(600);
  },
  'agent and collector': async () => {
    await Promise.all([system.killAgent(), system.killCollector()]);
    await Promise.all([system.startAgent({ waits: false }), system.startCollector()]);
  },
} as const;

test('nothing is lost, nothing is there twice, and there is nothing to confess', async (t) => {
  const writing = startWriting();
  t.after(() => writing.stop());
  const order = Object.entries(victims).sort(() => Math.random() - 0.5);
  for (const [, kill] of order) {
    writing.more();
    await sleep(100 + Math.random() * 400);
    await kill();
  }
  const writes = writing.stop();
  const names = order.map(([name]) => name).join(', ');
  await system.settled();

  assert.ok(writes > 200, `${writes} writes`);
  const told = await system.wholeHistory();
  for (const [key, forms] of system.truth.history) assert.deepEqual(told.get(key), forms, `${key}, killed ${names}`);
  assert.deepEqual(await system.timeline.gaps(), []);
  assert.deepEqual(await system.timeline.duplicates(), []);
  assert.deepEqual(await system.timeline.rejected(), []);
  const chain = await system.timeline.verify(clusterName);
  assert.equal(chain.verdict, 'intact', JSON.stringify(chain));
  const [epochs] = await system.timeline.ask<{ n: number }>('SELECT count() AS n FROM epochs');
  // The agent's stream, and the collector's own where it has one.
  assert.ok((epochs?.n ?? 0) <= 2, 'the stream kept its identity');
});
