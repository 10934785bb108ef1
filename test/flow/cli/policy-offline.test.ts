/** `driftline policy` without a collector. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runBinary, runCli } from './open-cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-cli-policy-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

describe('policy, offline', () => {
  test('the library passes its own cases', async () => {
    const run = await runBinary(['policy', 'test']);
    assert.equal(run.status, 0, run.out + run.err);
    assert.match(
      run.out,
      /^\d+ controls \(\d+ cel, \d+ relation[^)]*\), \d+ cases passed, 0 failed \(bundle [0-9a-f]+\)\n$/,
    );
    const list = JSON.parse((await runCli(['policy', 'list', '-o', 'json'])).out) as { items: { id: string }[] };
    assert.ok(list.items.length >= 30);
  });

  test('a file that is wrong is refused with file, line, column and reason', async () => {
    const controls = join(folder, 'bad', 'controls');
    mkdirSync(controls, { recursive: true });
    writeFileSync(join(controls, 'broken.yaml'), 'id: X-1\ntitle: [unclosed\n');
    writeFileSync(join(controls, 'typo.yaml'), 'id: X-2\ntitel: x\n');
    const run = await runBinary(['policy', 'test', join(folder, 'bad')]);
    assert.deepEqual([run.status, run.out], [2, '']);
    assert.match(run.err, /broken\.yaml:\d+:\d+: \S/);
    assert.match(run.err, /typo\.yaml:\d+:\d+: \S/);
  });

  test('files of several folders are named as they can be opened, however many there are', async () => {
    const folders = ['one', 'two'].map((name) => join(folder, name));
    for (const path of folders) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'x.yaml'), 'id: [\n');
    }
    const run = await runCli(['policy', 'test', ...folders]);
    assert.equal(run.status, 2);
    for (const path of folders) assert.ok(run.err.includes(`\n${join(path, 'x.yaml')}:`), run.err);
  });

  test('lint says what is missing, where, and fails only when asked to', async () => {
    const controls = join(folder, 'lint');
    mkdirSync(controls, { recursive: true });
    const pod = (name: string) => `{ apiVersion: v1, kind: Pod, metadata: { name: ${name} } }`;
    writeFileSync(
      join(controls, 'own.yaml'),
      `apiVersion: driftline.dev/v1
kind: Control
id: OWN-001
title: Pods must not be called web
severity: low
weight: 1
category: governance
rationale: It says nothing.
remediation: { summary: Find a name., fields: [metadata.name], impact: none }
references: [https://example.org]
frameworks: {}
match: { kinds: [{ group: '', kind: Pod }] }
cel: { validations: [{ expression: "object.metadata.name != 'web'", message: it is called web }] }
cases:
  - { name: other, expect: pass, objects: [${pod('a')}] }
  - { name: another, expect: pass, objects: [${pod('b')}] }
  - { name: web, expect: fail, objects: [${pod('web')}] }
`,
    );
    const run = await runCli(['policy', 'lint', controls, '--strict']);
    assert.equal(run.status, 1, run.err);
    const lines = run.out.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => line.replace(/^.*own\.yaml:\d+:\d+: /, '')),
      [
        'OWN-001: 1 case that must fail: two tell more than one',
        'OWN-001: a case that must fail does not say which paths: any violation passes it',
        'OWN-001: it is mapped to no framework: no report on one will show it',
        '1 control, 3 remarks',
      ],
    );
    assert.match(lines[0] ?? '', /lint\/own\.yaml:\d+:\d+: OWN-001/);
    assert.equal((await runCli(['policy', 'lint', controls])).status, 0);
  });

  test('policies of other languages have no cases, and what is not evaluated is said', async () => {
    const policies = join(folder, 'others');
    mkdirSync(policies, { recursive: true });
    const rule = (name: string, body: string) =>
      `    - { name: ${name}, match: { any: [{ resources: { kinds: [Pod] } }] }, ${body} }\n`;
    writeFileSync(
      join(policies, 'kyverno.yaml'),
      `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: { name: labels }
spec:
  rules:
${rule('need', 'validate: { message: label it, pattern: { metadata: { labels: { app: "?*" } } } }')}${rule('add', 'mutate: { patchStrategicMerge: { metadata: { labels: { app: x } } } }')}`,
    );
    const run = await runCli(['policy', 'test', policies]);
    assert.equal(run.status, 0, run.out + run.err);
    const [note, summary] = run.out.split('\n');
    assert.match(note ?? '', /^note .*others\/kyverno\.yaml:7:\d+: .*mutate/);
    assert.match(summary ?? '', /^1 control \(1 kyverno\), 0 cases passed, 0 failed/);
    const both = await runCli(['policy', 'test', policies, '--library']);
    assert.match(both.out, /\(\d+ cel, 1 kyverno, \d+ relation/);
  });

  test('controls are exported as admission policies that load; what cannot be is named, with why', async () => {
    const one = ['policy', 'export', '--vap', '--action', 'warn,audit', '--control', 'DL-POD-001'];
    const run = await runCli(one);
    assert.deepEqual([run.status, run.err], [0, '']);
    const exported = join(folder, 'exported');
    mkdirSync(exported, { recursive: true });
    writeFileSync(join(exported, 'policies.yaml'), run.out);
    const list = await runCli(['policy', 'list', exported]);
    assert.match(list.out, /^vap\/driftline-dl-pod-001\/driftline-dl-pod-001 .*validating-admission-policy/m);
    assert.match(run.out, /validationActions:\n +- Warn\n +- Audit\n/);
    const refused = await runCli([...one, '--control', 'DL-NET-002']);
    assert.equal(refused.status, 1);
    assert.match(refused.err, /not exported: it joins objects.*: DL-NET-002/);
    for (const wrong of [
      ['--action', 'deny,warn'],
      ['--action', 'shout'],
      ['--since', '2h'],
    ])
      assert.equal((await runCli(['policy', 'export', '--vap', ...wrong])).status, 2, wrong.join(' '));
    assert.equal((await runCli(['policy', 'export', '--vap', '--control', 'DL-NO-1'])).status, 4);
  });

  test('exceptions are listed with their state and what is wrong with them', async () => {
    const exceptions = join(folder, 'exceptions');
    mkdirSync(exceptions, { recursive: true });
    const write = (id: string, expires: string, controls: string) =>
      writeFileSync(
        join(exceptions, `${id}.yaml`),
        `apiVersion: driftline.dev/v1\nkind: Exception\nid: ${id}\ncontrols: [${controls}]\nscope: { namespaces: [a] }\nowner: team-a\napprover: alice\nreason: soon\nexpires: ${expires}\n`,
      );
    write('EX-over', '2020-01-01', 'DL-POD-001');
    write('EX-wide', '2999-01-01', '"DL-*"');
    const run = await runCli(['policy', 'exceptions', exceptions]);
    assert.equal(run.status, 0, run.err);
    assert.match(run.out, /\nEX-over +expired +2020-01-01 +team-a +DL-POD-001 *\n/);
    assert.match(run.out, /\nEX-wide +active +2999-01-01 +team-a +DL-\* +over-broad: it is about \d+ of \d+ controls/);
    const { items } = JSON.parse((await runCli(['policy', 'exceptions', exceptions, '-o', 'json'])).out) as {
      items: { id: string; state: string }[];
    };
    assert.deepEqual(
      items.map(({ id, state }) => [id, state]),
      [
        ['EX-over', 'expired'],
        ['EX-wide', 'active'],
      ],
    );
  });

  test('no folder, an empty folder and no action are wrong usage', async () => {
    mkdirSync(join(folder, 'empty'), { recursive: true });
    for (const args of [['test', join(folder, 'nowhere')], ['test', join(folder, 'empty')], [], ['destroy']]) {
      const run = await runCli(['policy', ...args]);
      assert.equal(run.status, 2, `${args.join(' ')}: ${run.out}${run.err}`);
      assert.ok(!/\n {4}at /.test(run.err), run.err);
    }
  });
});
