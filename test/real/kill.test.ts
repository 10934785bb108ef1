/**
 * Agent and collector are killed at random moments while people write. At the end the timeline tells every version and
 * every audit event once, in order, and without a gap.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../contract/kube-client.ts';
import type { Loose } from '../contract/kube-client.ts';
import { eventually } from './flow/api.ts';
import { assertComplete } from './flow/assert-complete.ts';
import type { Process } from './flow/processes.ts';
import { ask } from './flow/recorded.ts';
import { openRig } from './flow/rig.ts';
import type { CollectorProcess, Rig } from './flow/rig.ts';

const cluster = 'killed';
const namespace = 'load';
const loadMs = 45_000;
const writers = 4;
const objectsOfWriter = 12;
const pauseMs = 60;

let rig: Rig;
let collector: CollectorProcess;
let agent: Process;

before(async () => {
  rig = await openRig({ users: 'alice:developers', clusters: [cluster] });
  collector = await rig.collector('collector', {});
  rig.control.kubectl(['create', 'namespace', namespace]);
  rig.control.kubectl(['create', 'rolebinding', 'alice', '--clusterrole=admin', '--user=alice', '-n', namespace]);
  await rig.witness.followAll();
  agent = await rig.agent(cluster, { gatewayPort: collector.gatewayPort, audit: 'log' });
  await agent.ready();
});
after(async () => {
  await rig.close();
});

/** Creates, changes and deletes objects of its own, as fast as one client that thinks a little. */
const write = async (writer: number, signal: AbortSignal): Promise<number> => {
  const alice = rig.as('alice');
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const existing = new Set<string>();
  let written = 0;
  for (let turn = 0; !signal.aborted; turn++) {
    const name = `w${writer}-${Math.floor(Math.random() * objectsOfWriter)}`;
    const path = `${collection}/${name}`;
    const data = { turn: String(turn), note: 'x'.repeat(turn % 300) };
    const isDelete = existing.has(name) && Math.random() < 0.15;
    const answer = !existing.has(name)
      ? await call(alice, collection, { method: 'POST', body: { metadata: { name }, data } })
      : isDelete
        ? await call(alice, path, { method: 'DELETE' })
        : await call(alice, path, { method: 'PATCH', body: { data }, contentType: 'application/merge-patch+json' });
    assert.ok(answer.status < 300, `${name}: ${answer.status} ${answer.text}`);
    if (isDelete) existing.delete(name);
    else existing.add(name);
    written += 1;
    await sleep(Math.random() * pauseMs);
  }
  return written;
};

/** Kills one or both, and starts them again after a moment. Returns how often each was killed. */
const killAtRandom = async (signal: AbortSignal): Promise<{ readonly agent: number; readonly collector: number }> => {
  const kills = { agent: 0, collector: 0 };
  while (!signal.aborted) {
    await sleep(500 + Math.random() * 3_500);
    const dice = Math.random();
    const victims = [
      ...(dice < 0.6 ? [{ name: 'agent' as const, process: agent }] : []),
      ...(dice > 0.4 ? [{ name: 'collector' as const, process: collector.process }] : []),
    ];
    await Promise.all(victims.map(({ process }) => process.kill()));
    await sleep(Math.random() * 800);
    for (const { name, process } of victims) {
      kills[name] += 1;
      process.start();
    }
  }
  return kills;
};

test('kill -9 of agent and collector at any moment loses and duplicates nothing', { timeout: 240_000 }, async (t) => {
  const stopping = AbortSignal.timeout(loadMs);
  const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer, stopping)));
  const kills = await killAtRandom(stopping);
  const written = (await writing).reduce((sum, each) => sum + each, 0);
  await Promise.all([collector.process.ready(), agent.ready()]);
  const figures = await assertComplete(rig.witness, collector.store(), cluster);
  t.diagnostic(`${written} writes, kills ${JSON.stringify(kills)}, ${JSON.stringify(figures)}`);
  assert.ok(written > 500 && kills.agent >= 2 && kills.collector >= 2);
});

test('every write’s audit event is recorded once, and linked to one change', async (t) => {
  const inLog = readFileSync(rig.control.auditLog, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Loose)
    .filter(({ stage, user, objectRef }) => {
      const isWrite = stage === 'ResponseComplete' && user.username === 'alice';
      return isWrite && objectRef?.namespace === namespace;
    })
    .map(({ auditID }) => String(auditID));
  const recorded = await eventually(
    () =>
      ask<{ id: string }>(
        collector.store(),
        `SELECT audit_id AS id FROM audit_events WHERE cluster = '${cluster}' AND user = 'alice' AND namespace = '${namespace}'`,
      ),
    (rows) => new Set(rows.map(({ id }) => id)).size >= inLog.length,
    `${inLog.length} audit events recorded`,
  );
  assert.deepEqual(recorded.map(({ id }) => id).toSorted(), inLog.toSorted());
  const [links] = await ask<{ changes: number; authors: number }>(
    collector.store(),
    `SELECT uniqExact(change_epoch, change_sequence) AS changes, uniqExact(user) AS authors FROM links
     WHERE cluster = '${cluster}' AND namespace = '${namespace}' AND resource = 'configmaps' AND user = 'alice'`,
  );
  t.diagnostic(`${inLog.length} writes in the audit log, ${links?.changes} changes linked to their author`);
  assert.ok((links?.changes ?? 0) > inLog.length * 0.9);
});
