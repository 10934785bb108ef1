/**
 * Kill -9 of the agent at any moment: what the collector got is the witness's history, exactly once and in order, in one
 * gapless stream of batches that never change. The witness is the program that makes the changes.
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { applyPatch, canonicalJson, parsePatch } from '@driftline/proto';
import type { Batch, Delta, Json, Message } from '@driftline/proto';
import { openScriptedCollector } from '../../agent/src/uplink/scripted-collector.ts';
import { openPracticeCluster } from '../fakes/practice-cluster/index.ts';
import type { Actor } from '../fakes/practice-cluster/index.ts';
import { answerDigests, messagesOf } from '../fakes/scripted-verdicts.ts';

const agentMain = fileURLToPath(new URL('../../agent/src/main.ts', import.meta.url));
const objects = 12;
const kills = 6;
const canary = 'canary-5d1w7hq90zkx83vn';

/** Who wrote what to which ConfigMap, in order; undefined is its deletion. */
type History = Map<string, (number | undefined)[]>;

/** Enough for every kill to fall among them, and no more than that on a machine that takes long for each life. */
const writesLeast = 1_500;
const writesMost = 3_000;

function createWorkload(actor: Actor, history: History): { count(): number; stop(): void } {
  let writes = 0;
  const url = '/api/v1/namespaces/default/configmaps';
  const step = (): void => {
    if (writes === writesMost) return;
    writes += 1;
    const name = `kill-${(writes * 7) % objects}`;
    const versions = history.get(name) ?? [];
    const exists = versions.at(-1) !== undefined;
    if (exists && writes % 5 === 0) {
      assert.equal(actor.request('DELETE', `${url}/${name}`).status, 200);
      versions.push(undefined);
    } else {
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
        data: { n: String(writes), password: `${canary}-${writes}` },
      };
      const answer = exists ? actor.request('PUT', `${url}/${name}`, body) : actor.request('POST', url, body);
      assert.ok(answer.status < 300, JSON.stringify(answer.object));
      versions.push(writes);
    }
    history.set(name, versions);
  };
  const timer = setInterval(step, 4);
  return { count: () => writes, stop: () => clearInterval(timer) };
}

/** Rebuilds each ConfigMap's versions from the stream; every patch must fit the form before it. */
function replayed(messages: readonly Message[]): History {
  const history: History = new Map();
  const forms = new Map<string, { readonly json: Json; readonly hash: string }>();
  for (const { body } of messages) {
    if (body.type !== 'delta' || body.ref.resource !== 'configmaps' || !body.ref.name.startsWith('kill-')) continue;
    const versions = history.get(body.ref.name) ?? [];
    history.set(body.ref.name, versions);
    if (body.op === 'deleted') {
      forms.delete(body.ref.name);
      versions.push(undefined);
      continue;
    }
    // A form that the collector may lack goes ahead of the change, or because everything was asked for.
    if (body.op === 'snapshot' && forms.get(body.ref.name)?.hash === body.contentHash) continue;
    const json = formOf(body, forms.get(body.ref.name));
    const hash = createHash('sha256').update(canonicalJson(json)).digest('hex');
    assert.equal(hash, body.contentHash, 'a form has the hash that its delta names');
    forms.set(body.ref.name, { json, hash });
    versions.push(Number((json as { data: { n: string } }).data.n));
  }
  return history;
}

function formOf(delta: Delta, before: { readonly json: Json; readonly hash: string } | undefined): Json {
  if (delta.full !== undefined) return JSON.parse(delta.full) as Json;
  assert.ok(delta.patch !== undefined && before !== undefined);
  assert.equal(delta.baseHash, before.hash, 'a patch fits the form before it');
  return applyPatch(before.json, parsePatch(delta.patch));
}

test('killed at any moment, the agent loses nothing, repeats nothing and lets no secret out', {
  timeout: 480_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'driftline-kill-'));
  const cluster = await openPracticeCluster({ watchWindowChanges: 100_000, controllers: false });
  const batches = new Map<number, Batch>();
  let recorded = 0;
  const collector = await openScriptedCollector({
    onHello: (stream) => stream.welcome(recorded),
    onBatch(stream, batch) {
      const before = batches.get(batch.firstSequence);
      if (before === undefined) batches.set(batch.firstSequence, batch);
      else assert.deepEqual(batch, before, 'a batch keeps its boundaries and bytes');
      answerDigests(stream, batch);
      // The timeline is a little late, so that each kill finds something that was sent and not recorded.
      setTimeout(() => {
        recorded = Math.max(recorded, batch.lastSequence);
        stream.ack(recorded);
      }, 100);
    },
  });
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, cluster.kubeconfigFor('admin'));
  let log = '';
  const start = (): ChildProcess => {
    const flags = {
      cluster: 'kill',
      collector: `http://127.0.0.1:${collector.port}`,
      'state-dir': join(directory, 'state'),
      'redaction-key-file': join(directory, 'key'),
      kubeconfig,
      'health-listen': '127.0.0.1:0',
      include: 'configmaps,namespaces',
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(process.execPath, [agentMain, ...args, '--create-redaction-key'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    return child;
  };
  const isCompared = (resource: string): boolean =>
    [...batches.values()]
      .flatMap(messagesOf)
      .some(({ body }) => body.type === 'kind-digest' && body.resource === resource);
  const history: History = new Map();
  let workload: ReturnType<typeof createWorkload> | undefined;
  const actor = cluster.actor({ user: 'witness', userAgent: 'witness', sourceIp: '192.0.2.1', isTrusted: true });
  const firstKillAfterMs = 2500;
  let agent = start();
  try {
    await until(
      () => log.includes('agent.started') && isCompared('configmaps'),
      () => log,
    );
    workload = createWorkload(actor, history);
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, kill === 0 ? firstKillAfterMs : 700 + ((kill * 397) % 900)));
      agent.kill('SIGKILL');
      await once(agent, 'exit');
      agent = start();
    }
    await until(
      () => (workload?.count() ?? 0) >= writesLeast,
      () => log,
    );
    workload.stop();
    const written = [...history.values()].reduce((sum, versions) => sum + versions.length, 0);
    const seen = (): Message[] => [...batches.values()].sort(bySequence).flatMap(messagesOf);
    const countOf = (given: History): number => [...given.values()].reduce((sum, versions) => sum + versions.length, 0);
    await until(
      () => countOf(replayed(seen())) >= written,
      () => log,
    );
    agent.kill('SIGTERM');
    const [exitCode] = (await once(agent, 'exit')) as [number];
    assert.equal(exitCode, 0, 'SIGTERM is a clean stop');

    let next = 1;
    for (const batch of [...batches.values()].sort(bySequence)) {
      assert.equal(batch.firstSequence, next, 'sequences are gapless');
      next = batch.lastSequence + 1;
    }
    assert.ok(written >= writesLeast, `the workload wrote enough (${written})`);
    assert.deepEqual(replayed(seen()), history);
    const gaps = seen().flatMap(({ body }) => (body.type === 'gap' && body.cause !== 'epoch_start' ? [body] : []));
    assert.deepEqual(gaps, [], 'the spool and the watch window survived: there is nothing to confess');
    const stamps = seen().map(({ observedAtUs }) => observedAtUs);
    assert.ok(
      stamps.every((stamp, i) => i === 0 || stamp > stamps[i - 1]!),
      'stamps ascend across restarts',
    );

    assert.ok(
      !log.includes(canary) && !JSON.stringify(seen()).includes(canary),
      'the secret is in no log and no message',
    );
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) assert.ok(!(await readFile(join(entry.parentPath, entry.name))).includes(canary), entry.name);
    }
  } finally {
    workload?.stop();
    const isOver = agent.exitCode !== null || agent.signalCode !== null;
    if (!isOver) {
      agent.kill('SIGKILL');
      await once(agent, 'exit');
    }
    await collector.close();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  }
});

const bySequence = (a: Batch, b: Batch): number => a.firstSequence - b.firstSequence;

async function until(condition: () => boolean, explain: () => string): Promise<void> {
  for (let waited = 0; waited < 1_200; waited++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it did not happen in time; the agent says:\n${explain()}`);
}
