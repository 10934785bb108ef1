/**
 * Chapter 9: it is answered.
 *
 * Now the whole line at once: a practice cluster with a small company in it, an agent, a collector with its ClickHouse,
 * the HTTP API and the command line. Alice exposes an internal service in a hurry, and later takes it back; then we ask
 * what anybody would ask: what changed, what is broken, how was it before, how good are we, and do we see everything?
 *
 * The same answers come as JSON from the API (`/api/v1/…`) and, with `-o json`, from the command line.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ApiChange, ApiFinding } from '@driftline/proto';
import { type EmbeddedSystem, openEmbeddedSystem } from '../fakes/embedded-system.ts';

let system: EmbeddedSystem;
let beforeTheChange = '';
before(async () => {
  system = await openEmbeddedSystem({ cluster: { world: 'company' } });
  beforeTheChange = new Date().toISOString();
  system.cluster.stories.play('open-ingress');
  await system.settled();
});
after(() => system.close());

/** The command's output, line by line, without what is different in every run. */
async function driftline(...args: readonly string[]): Promise<readonly string[]> {
  const { code, out, err } = await system.cli(...args);
  assert.equal(code, 0, err);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, '<when>').trimEnd());
}

async function json<T>(...args: readonly string[]): Promise<readonly T[]> {
  return (JSON.parse((await system.cli(...args, '-o', 'json')).out) as { readonly items: readonly T[] }).items;
}

test('log: what changed, who did it, what allowed it, what it broke', async () => {
  const lines = await driftline('log', '-n', 'internal-tools', '--limit', '1');
  assert.equal(lines[0], '<when>  created  Ingress internal-tools/admin-panel  in practice');
  assert.match(lines[1] ?? '', /^ {2}who {6}alice@example\.com \(exact\) from 203\.0\.113\.10 by kubectl/);
  assert.match(lines[2] ?? '', /^ {2}origin {3}human {2}user alice@example\.com with the tool kubectl/);
  const text = lines.join('\n');
  assert.match(text, /approval none found/);
  assert.match(text, /opened\s.*DL-NET-003/);
  assert.match(text, /opened\s.*DL-NET-002/);
});

test('findings: what is broken, most severe first; a gate can stop at it', async () => {
  const findings = await json<ApiFinding>('findings', 'ingress');
  assert.deepEqual(
    findings
      .filter(({ object }) => object.name === 'admin-panel')
      .map(({ control, state, reason }) => [control, state, reason]),
    [['DL-NET-003', 'open', 'no TLS for admin.example.com']],
  );
  assert.match(findings[0]?.remediation?.summary ?? '', /TLS/i);
  const { code } = await system.cli('findings', '--fail-on', 'high');
  assert.equal(code, 1);
});

test('show: the history of one object', async () => {
  const text = (await driftline('show', 'ingress/admin-panel', '-n', 'internal-tools')).join('\n');
  assert.match(text, /^<when> {2}created {2}Ingress internal-tools\/admin-panel {2}in practice/);
});

test('at: the cluster as it was, and how sure that is', async () => {
  const now = await driftline('at', 'now', 'get', 'ingress/admin-panel', '-n', 'internal-tools');
  assert.match(now.at(-1) ?? '', /Ingress\/admin-panel .*certain$/);
  // Before the change it was not there.
  const then = await system.cli('at', beforeTheChange, 'get', 'ingress/admin-panel', '-n', 'internal-tools');
  assert.equal(then.code, 4);
});

test('score: weighted posture, for the cluster and its parts', async () => {
  const [head, first] = await driftline('score');
  assert.match(head ?? '', /^CLUSTER\s+SCOPE\s+SCORE/);
  assert.match(first ?? '', /^practice\s+cluster\s+\d+\.\d\s/);
});

test('status: who is connected, how far behind, and what is not seen', async () => {
  const text = (await driftline('status')).join('\n');
  assert.match(text, /practice\s+connected\s+v1\.36/);
  assert.match(text, /Gaps: none\./);
  assert.match(text, /Input rejected: 0\./);
});

test('the change taken back is a change too, and says what it resolved', async () => {
  system.cluster.stories.undo('open-ingress');
  await system.settled();
  const [change] = await json<ApiChange>('log', 'ingress/admin-panel', '-A');
  assert.equal(change?.op, 'deleted');
  assert.deepEqual(change.findings.map(({ state, control }) => `${state} ${control}`).sort(), [
    'resolved DL-NET-002',
    'resolved DL-NET-003',
  ]);
});
