/** Policies from folders that change while they are in force. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openPolicySource, type PolicySource } from './policy-source.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'driftline-policies-'));
  closing.push(() => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
  return made;
}

const controlText = (id: string, severity = 'low'): string => `apiVersion: driftline.dev/v1
kind: Control
id: ${id}
title: ${id} must not be
severity: ${severity}
weight: 1
category: governance
rationale: It says nothing.
remediation: { summary: Find a name., fields: [metadata.name], impact: none }
references: [https://example.org]
frameworks: {}
match: { kinds: [{ group: '', kind: Pod }] }
cel: { validations: [{ expression: "object.metadata.name != 'web'", message: no, path: metadata.name }] }
cases:
  - { name: other, expect: pass, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: other } }] }
  - { name: web, expect: fail, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: web } }] }
`;

/** A source that looks only when it is told to. */
async function open(...folders: readonly string[]) {
  const lines: Record<string, unknown>[] = [];
  const registry = new Registry();
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  let nowMs = 1_000;
  const source = await openPolicySource({
    fixed: [],
    folders,
    logger,
    registry,
    now: () => nowMs,
    lookIntervalMs: 3_600_000,
  });
  closing.push(() => source.close());
  const changes: string[] = [];
  source.onChange(() => changes.push(source.current().version));
  const look = async (times = 2): Promise<void> => {
    nowMs += 1_000;
    for (let left = times; left > 0; left--) await source.look();
  };
  return { source, changes, look, lines, registry };
}

const has = (source: PolicySource, id: string): string | undefined => source.control(id)?.severity;

test('a changed set is loaded whole, once two looks have found it the same', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'a.yaml'), controlText('XX-A-001'));
  const { source, changes, look } = await open(dir);
  const first = source.current();
  await look();
  assert.equal(source.current(), first, 'nothing changed: the same object');
  writeFileSync(join(dir, 'a.yaml'), controlText('XX-A-001', 'high'));
  await look(1);
  writeFileSync(join(dir, 'b.yaml'), controlText('XX-B-001'));
  await look(1);
  assert.deepEqual([has(source, 'XX-A-001'), changes.length], ['low', 0], 'still being written');
  await look(1);
  assert.deepEqual([has(source, 'XX-A-001'), has(source, 'XX-B-001'), changes.length], ['high', 'low', 1]);
  assert.notEqual(source.current().version, first.version);
  rmSync(join(dir, 'b.yaml'));
  await look();
  assert.deepEqual([has(source, 'XX-B-001'), changes.length], [undefined, 2]);
  // Written again with the same content: another file, the same set.
  const second = source.current();
  utimesSync(join(dir, 'a.yaml'), 1, 1);
  await look();
  assert.deepEqual([source.current() === second, changes.length], [true, 2]);
});

test('a bad set changes nothing, says why once, with its place, and is over when it is mended or taken back', async () => {
  const dir = folder();
  const file = join(dir, 'a.yaml');
  writeFileSync(file, controlText('XX-A-001'));
  const { source, changes, look, lines, registry } = await open(dir);
  writeFileSync(file, controlText('XX-A-001').replace('metadata.name !=', 'metadata..name !='));
  writeFileSync(join(dir, 'b.yaml'), controlText('XX-B-001'));
  await look();
  await look();
  assert.deepEqual([has(source, 'XX-A-001'), has(source, 'XX-B-001'), changes.length], ['low', undefined, 0]);
  const refusal = source.refusal();
  assert.deepEqual([refusal?.sinceMs, refusal?.problems.length, refusal?.problems[0]?.file], [2_000, 1, file]);
  const logged = lines.filter(({ event }) => event === 'policy-refused');
  assert.equal(logged.length, 1);
  assert.match(JSON.stringify(logged[0]?.['problems']), /a\.yaml:13:\d+: /);
  const metrics = await registry.metrics();
  assert.match(metrics, /driftline_policy_refused 1\n/);
  assert.match(metrics, /driftline_policy_loads_total\{outcome="refused"\} 1\n/);
  writeFileSync(file, controlText('XX-A-001', 'medium'));
  await look();
  assert.deepEqual([source.refusal(), has(source, 'XX-A-001'), changes.length], [undefined, 'medium', 1]);
  assert.match(await registry.metrics(), /driftline_policy_refused 0\n/);
  // Refused again, and taken back to what is in force.
  writeFileSync(file, 'kind: [');
  await look();
  assert.notEqual(source.refusal(), undefined);
  writeFileSync(file, controlText('XX-A-001', 'medium'));
  await look();
  assert.deepEqual([source.refusal(), changes.length], [undefined, 1]);
});

test('a folder that goes away is refused, and taken when it is back', async () => {
  const dir = join(folder(), 'mounted');
  mkdirSync(dir);
  writeFileSync(join(dir, 'a.yaml'), controlText('XX-A-001'));
  const { source, changes, look } = await open(dir);
  renameSync(dir, `${dir}-away`);
  await look();
  assert.match(source.refusal()?.problems[0]?.reason ?? '', /ENOENT/);
  assert.equal(has(source, 'XX-A-001'), 'low');
  renameSync(`${dir}-away`, dir);
  await look();
  assert.deepEqual([source.refusal(), changes.length], [undefined, 0]);
});

test('a mounted ConfigMap: generations behind links, swapped at once, seen through the links only', async () => {
  const dir = folder();
  const generation = (name: string, severity: string): void => {
    mkdirSync(join(dir, name, 'sub'), { recursive: true });
    writeFileSync(join(dir, name, 'a.yaml'), controlText('XX-A-001', severity));
    writeFileSync(join(dir, name, 'sub', 'b.yaml'), controlText('XX-B-001', severity));
  };
  generation('..2026_1', 'low');
  symlinkSync('..2026_1', join(dir, '..data'));
  symlinkSync('..data/a.yaml', join(dir, 'a.yaml'));
  symlinkSync('..data/sub', join(dir, 'sub'));
  // A link to a folder above ends.
  symlinkSync('.', join(dir, 'again'));
  const { source, changes, look } = await open(dir);
  assert.deepEqual([has(source, 'XX-A-001'), has(source, 'XX-B-001')], ['low', 'low']);
  generation('..2026_2', 'high');
  await look();
  assert.equal(changes.length, 0, 'nothing points there yet');
  symlinkSync('..2026_2', join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  await look();
  assert.deepEqual([has(source, 'XX-A-001'), has(source, 'XX-B-001'), changes.length], ['high', 'high', 1]);
  rmSync(join(dir, '..2026_1'), { recursive: true, maxRetries: 10 });
  await look();
  assert.deepEqual([source.refusal(), changes.length], [undefined, 1]);
});

test('at the start there is nothing that could go on: a bad set refuses it', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'a.yaml'), 'kind: Nothing\n');
  await assert.rejects(open(dir), { code: 'invalid-policy', message: /a\.yaml:1:\d+: kind must be one of/ });
});
