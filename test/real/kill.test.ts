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
  // Of ConfigMaps the audit policy keeps no bodies; of NetworkPolicies the audit event names the very version.
  const collection =
    writer % 2 === 0
      ? `/api/v1/namespaces/${namespace}/configmaps`
      : `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  const existing = new Set<string>();
  let written = 0;
  for (let turn = 0; !signal.aborted; turn++) {
    const name = `w${writer}-${Math.floor(Math.random() * objectsOfWriter)}`;
    const path = `${collection}/${name}`;
    const annotations = { turn: String(turn), note: 'x'.repeat(turn % 300) };
    const body = { metadata: { name, annotations }, ...(writer % 2 === 0 ? {} : { spec: { podSelector: {} } }) };
    const isDelete = existing.has(name) && Math.random() < 0.15;
    const answer = !existing.has(name)
      ? await call(alice, collection, { method: 'POST', body })
      : isDelete
        ? await call(alice, path, { method: 'DELETE' })
        : await call(alice, path, { method: 'PATCH', body, contentType: 'application/merge-patch+json' });
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

test('every write’s audit event is recorded once, and linked exactly where it names the version', async (t) => {
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
  const linked = (resource: string) =>
    ask<{ all: number; linked: number; exact: number }>(
      collector.store(),
      `SELECT count() AS all, countIf(confidence != '') AS linked, countIf(confidence = 'exact') AS exact
       FROM resource_versions AS v LEFT JOIN (SELECT change_epoch, change_sequence, argMax(confidence, sequence) AS confidence
         FROM links WHERE cluster = '${cluster}' AND user = 'alice' GROUP BY change_epoch, change_sequence) AS l
       ON v.epoch = l.change_epoch AND v.sequence = l.change_sequence
       WHERE cluster = '${cluster}' AND namespace = '${namespace}' AND resource = '${resource}' AND op != 'snapshot'
         AND name LIKE 'w%'`,
    );
  const [policies] = await eventually(
    () => linked('networkpolicies'),
    ([row]) => row !== undefined && row.exact === row.all,
    'every change of a NetworkPolicy linked exactly',
  );
  const [configMaps] = await linked('configmaps');
  t.diagnostic(
    `${inLog.length} writes in the audit log; policies ${JSON.stringify(policies)}, ConfigMaps ${JSON.stringify(configMaps)}`,
  );
});
