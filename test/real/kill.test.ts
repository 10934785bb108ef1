/**
 * Agent and collector are killed at random moments while people write. At the end the timeline tells every version and
 * every audit event once, in order, and without a gap.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './flow/api.ts';
import { assertComplete } from './flow/assert-complete.ts';
import { openDesk, writeAttributed } from './flow/attributed-writes.ts';
import { attributedChanges, figuresOf } from './flow/attribution.ts';
import { AuditLog } from './flow/audit-log.ts';
import type { Process } from './flow/processes.ts';
import { ask } from './flow/recorded.ts';
import { openRig } from './flow/rig.ts';
import type { CollectorProcess, Rig } from './flow/rig.ts';

const cluster = 'killed';
const namespace = 'load';
/** It goes on until there is enough to judge by, however slow the machine is. */
const enough = { loadMs: 45_000, writes: 500, kills: 3 };
const writers = ['ann', 'bea', 'carl', 'dora'];
const pauseMs = 60;
const desk = openDesk();

let rig: Rig;
let collector: CollectorProcess;
let agent: Process;

before(async () => {
  rig = await openRig({ users: writers.map((user) => `${user}:writers`).join(' '), clusters: [cluster] });
  collector = await rig.collector('collector', {});
  rig.control.kubectl(['create', 'namespace', namespace]);
  rig.control.kubectl(['create', 'rolebinding', 'writers', '--clusterrole=admin', '--group=writers', '-n', namespace]);
  await rig.witness.followAll();
  agent = await rig.agent(cluster, { gatewayPort: collector.gatewayPort, audit: 'log' });
  await agent.ready();
});
after(async () => {
  await rig.close();
});

type Kills = { agent: number; collector: number };

/** Kills one or both, and starts them again after a moment, until it was enough. Returns how often each was killed. */
const killAtRandom = async (isEnough: (kills: Kills) => boolean): Promise<Kills> => {
  const kills = { agent: 0, collector: 0 };
  while (!isEnough(kills)) {
    // Every other life gets as far as observing: on a busy machine one that never does falls out of the watch window.
    if (kills.agent % 2 === 1) await agent.ready();
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

test('kill -9 of agent and collector at any moment loses and duplicates nothing', { timeout: 480_000 }, async (t) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const writing = Promise.all(
    writers.map((user) =>
      writeAttributed({ user, as: rig.as(user), random: Math.random }, desk, { namespace, pauseMs, signal }),
    ),
  );
  // Whoever cannot write any more ends the test at once.
  writing.catch(() => stopping.abort());
  const endMs = Date.now() + enough.loadMs;
  const kills = await killAtRandom(
    ({ agent: agents, collector: collectors }) =>
      signal.aborted ||
      (Date.now() >= endMs &&
        desk.truth.written >= enough.writes &&
        agents >= enough.kills &&
        collectors >= enough.kills),
  );
  stopping.abort();
  await writing;
  await Promise.all([collector.process.ready(), agent.ready()]);
  const figures = await assertComplete(rig.witness, collector.store(), cluster);
  t.diagnostic(`${desk.truth.written} writes, kills ${JSON.stringify(kills)}, ${JSON.stringify(figures)}`);
});

/** Audit events in the log of what the writers did, by Audit-Id. */
const inAuditLog = (): readonly string[] =>
  new AuditLog(rig.control.auditLog)
    .next()
    .filter(({ stage, user, verb, objectRef }) => {
      const isWrite = stage === 'ResponseComplete' && writers.includes(user.username) && verb !== 'get';
      return isWrite && objectRef?.namespace === namespace;
    })
    .map(({ auditID }) => String(auditID));

test('every write’s audit event is recorded once', async () => {
  const inLog = inAuditLog();
  const recorded = await eventually(
    () =>
      ask<{ id: string }>(
        collector.store(),
        `SELECT audit_id AS id FROM audit_events WHERE cluster = '${cluster}' AND user IN (${writers.map((user) => `'${user}'`).join()})
         AND verb != 'get' AND namespace = '${namespace}'`,
      ),
    (rows) => new Set(rows.map(({ id }) => id)).size >= inLog.length,
    `${inLog.length} audit events recorded`,
  );
  assert.deepEqual(recorded.map(({ id }) => id).toSorted(), inLog.toSorted());
});

test('who did it: exact is never wrong, and nearly always there where the audit event names the version', async (t) => {
  const writersObjects = `v.namespace = '${namespace}' AND v.name LIKE 'w-%'`;
  const rows = await attributedChanges(collector.store(), cluster, writersObjects);
  const named = figuresOf(rows, desk.truth, 'networkpolicies');
  const unnamed = figuresOf(rows, desk.truth, 'configmaps');
  const { written, noops, refused } = desk.truth;
  t.diagnostic(JSON.stringify({ written, noops, refused, RequestResponse: named, Metadata: unnamed }));
  assert.equal(named.wrongExact + unnamed.wrongExact, 0);
  assert.ok(named.exact / named.changes >= 0.995, JSON.stringify(named));
  const linked = unnamed.exact + unnamed.probable + unnamed.wrongProbable;
  assert.ok(unnamed.changes > 50 && linked / unnamed.changes >= 0.95, JSON.stringify(unnamed));
  assert.ok((unnamed.exact + unnamed.probable) / linked >= 0.9, JSON.stringify(unnamed));
});
