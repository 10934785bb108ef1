import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { CliError } from '../exit-code.ts';
import { createPaint } from '../output/text.ts';
import { scanCommand } from './scan.ts';

const pod = (name: string) => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop }
spec:
  containers:
    - { name: web, image: "registry.example.org/web:1.0", securityContext: { privileged: true } }
`;

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftline-cli-scan-'));
  // Places are told from here.
  process.chdir(folder);
  mkdirSync(join(folder, 'app'));
  mkdirSync(join(folder, 'own'));
  writeFileSync(join(folder, 'app', 'pod & co.yaml'), pod('web'));
  writeFileSync(join(folder, 'fine.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c, namespace: shop }\n');
});
const start = process.cwd();
after(() => {
  process.chdir(start);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

/** The command as main.ts runs it, in this process. */
async function scan(
  args: readonly string[],
  stdin = '',
  now = new Date(),
): Promise<{ status: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const { values, positionals } = parseArgs({ args: [...args], options: scanCommand.options, allowPositionals: true });
  const run = scanCommand.run({
    values,
    positionals,
    api: () => assert.fail('a scan asks no collector'),
    print: (line) => (text.out += `${line}\n`),
    warn: (line) => (text.err += `driftline: ${line}\n`),
    settle: () => {},
    paint: createPaint(false),
    columns: undefined,
    now: () => now,
    readStdin: async () => stdin,
  });
  const status = await run.catch((error: unknown) => {
    assert.ok(error instanceof CliError, String(error));
    text.err += `driftline: ${error.message}\n`;
    return error.exitCode;
  });
  return { status, ...text };
}

test('a table with places; the gates decide the exit code, bad input stands above them', async () => {
  const plain = await scan(['app']);
  assert.equal(plain.status, 0, plain.err);
  assert.match(
    plain.out,
    /^SEVERITY +CONTROL +PLACE +OBJECT +WHAT +WHERE\ncritical +DL-POD-001 +app\/pod & co\.yaml:6 +Pod shop\/web /,
  );
  assert.match(plain.out, /\n1 object in 1 file: \d+ findings \(1 critical, .*\), score \d+\.\d\n/);
  const failed = await scan(['app', '--fail-on', 'critical']);
  assert.deepEqual([failed.status, failed.err], [1, 'driftline: 1 finding of severity critical or more: exit 1\n']);
  assert.equal((await scan(['fine.yaml', '--fail-on', 'critical', '--min-score', '1'])).status, 0);
  assert.match((await scan(['app', '--min-score', '99'])).err, /the score is below 99: exit 1/);
  assert.match((await scan(['-', '--min-score', '0'], 'a: 1\n')).err, /nothing has a score: exit 1/);
  const missing = await scan(['app', 'none.yaml', '--fail-on', 'critical']);
  assert.deepEqual([missing.status, missing.err], [5, 'driftline: none.yaml: there is no such file\n']);
  assert.match(missing.out, /DL-POD-001/);
});

test('wrong usage is exit 2', async () => {
  for (const [args, why] of [
    [[], /say what to scan/],
    [['app', '-o', 'xml'], /use wide, json, yaml, sarif, junit/],
    [['app', '--fail-on', 'urgent'], /--fail-on takes/],
    [['app', '--update-baseline'], /goes with --baseline/],
    [['app', '--baseline', 'none.json'], /there is no such file; --update-baseline makes one/],
    [['app', '--report', 'sarif'], /--report takes FORMAT=FILE/],
    [['app', '--policy', 'nowhere'], /cannot read the policies/],
    [['app', '--policy', 'app'], /refused:\napp\/pod & co\.yaml:/],
  ] as const) {
    const run = await scan(args);
    assert.equal(run.status, 2, args.join(' '));
    assert.match(run.err, why);
  }
});

test('standard input, and reports beside the table', async () => {
  const run = await scan(
    [
      '-',
      '--severity',
      'critical',
      ...['sarif', 'junit', 'yaml', 'json'].flatMap((form) => ['--report', `${form}=r.${form}`]),
    ],
    `${pod('a')}---\nkind: [\n`,
  );
  assert.equal(run.status, 5);
  assert.match(run.err, /^driftline: stdin:9: not valid YAML: \S/);
  assert.match(run.out, /critical +DL-POD-001 +stdin:6 +Pod shop\/a /);
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const data = JSON.parse(read('r.json')) as { items: { control: string; line: number }[]; problems: unknown[] };
  assert.deepEqual(
    data.items.map(({ control, line }) => [control, line]),
    [['DL-POD-001', 6]],
  );
  assert.equal(data.problems.length, 1);
  assert.deepEqual(parse(read('r.yaml')), data);
  const junit = read('r.junit');
  assert.match(junit, /<testsuites name="driftline" tests="2" failures="1" errors="1" skipped="0">/);
  assert.match(
    junit,
    /<testcase name="DL-POD-001 Pod shop\/a spec[^"]*" classname="stdin" file="stdin"><failure type="critical" message="container web runs privileged">/,
  );
  const sarif = JSON.parse(read('r.sarif')) as { runs: { invocations: { executionSuccessful: boolean }[] }[] };
  assert.equal(sarif.runs[0]?.invocations[0]?.executionSuccessful, false);
});

test('a baseline holds the debt: it does not fail, lines may move, what is new fails, what is mended is counted', async () => {
  const args = ['app', '--baseline', 'debt.json', '--fail-on', 'info'];
  const made = await scan([...args, '--update-baseline']);
  assert.match(made.out, /^\d+ findings written to debt\.json\n$/);
  const file = join(folder, 'app', 'pod & co.yaml');
  writeFileSync(file, `# moved\n\n${pod('web')}`);
  const known = await scan(args);
  assert.deepEqual([known.status, known.err], [0, '']);
  assert.match(known.out, /^1 object in 1 file: 0 new findings, score \d+\.\d\n\d+ findings in the baseline\n/);
  writeFileSync(file, pod('web').replace('privileged: true', 'allowPrivilegeEscalation: true'));
  const mended = await scan(args);
  assert.equal(mended.status, 0);
  assert.match(mended.out, /\n1 in the baseline is mended: --update-baseline takes it out\n/);
  writeFileSync(join(folder, 'app', 'new.yaml'), pod('new'));
  const fresh = await scan(args);
  assert.equal(fresh.status, 1);
  assert.match(fresh.out, /critical +DL-POD-001 +app\/new\.yaml:6/);
  assert.ok(!fresh.out.includes('pod & co'));
  writeFileSync(join(folder, 'debt.json'), '{"version":2}');
  assert.equal((await scan(args)).status, 2);
  rmSync(join(folder, 'app', 'new.yaml'));
  writeFileSync(file, pod('web'));
});

test('exceptions hold as in the cluster: shown, not counted, not for ever, and not in a baseline', async () => {
  const exception = (id: string, scope: string) => `apiVersion: driftline.dev/v1
kind: Exception
id: ${id}
controls: [DL-POD-001]
scope: ${scope}
owner: team-a
approver: alice@example.org
reason: the new image needs no privileges
ticket: SEC-1
expires: 2030-01-31
`;
  mkdirSync(join(folder, 'waived'));
  const files = (scope: string) => writeFileSync(join(folder, 'waived', 'ex.yaml'), exception('EX-1', scope));
  files('{ namespaces: [shop] }');
  const args = ['app', '--policy', 'waived', '--fail-on', 'critical'];
  const within = new Date('2030-01-31T23:59:59Z');
  const run = await scan([...args, '--report', 'sarif=e.sarif', '--report', 'json=e.json'], '', within);
  assert.deepEqual([run.status, run.err], [0, '']);
  assert.match(run.out, /^SEVERITY .* EXCEPTED BY *\ncritical +DL-POD-001 .* EX-1\n/);
  assert.match(run.out, /\n1 finding excepted\n/);
  assert.ok(!run.out.includes('1 critical'), run.out);
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const { runs } = read('e.sarif') as { runs: { results: { ruleId: string; suppressions?: unknown }[] }[] };
  const suppressions = runs[0]?.results.filter((result) => result.suppressions !== undefined);
  assert.deepEqual(
    suppressions?.map((result) => [result.ruleId, result.suppressions]),
    [
      [
        'DL-POD-001',
        [
          {
            kind: 'external',
            status: 'accepted',
            justification: 'excepted by EX-1 until 2030-01-31 (SEC-1): container web runs privileged',
          },
        ],
      ],
    ],
  );
  const { items } = read('e.json') as { items: { control: string; exception?: string }[] };
  assert.equal(items.find(({ control }) => control === 'DL-POD-001')?.exception, 'EX-1');
  const score = /score (\d+\.\d)/;
  const after = await scan(args, '', new Date('2030-02-01T00:00:00Z'));
  assert.deepEqual([after.status, after.out.includes('EXCEPTED')], [1, false]);
  assert.ok(Number(score.exec(after.out)?.[1]) < Number(score.exec(run.out)?.[1]));

  await scan([...args, '--baseline', 'kept.json', '--update-baseline'], '', within);
  const kept = await scan([...args, '--baseline', 'kept.json'], '', new Date('2030-02-01T00:00:00Z'));
  assert.deepEqual([kept.status, kept.err], [1, 'driftline: 1 finding of severity critical or more: exit 1\n']);

  files('{ clusters: ["*"], namespaces: [shop] }');
  const unsaid = await scan(args, '', within);
  assert.equal(unsaid.status, 1);
  assert.match(unsaid.err, /1 exception is for certain clusters and not asked: --cluster says which this is\n/);
  assert.deepEqual((await scan([...args, '--cluster', 'prod'], '', within)).status, 0);
});

test('own controls stand beside the library', async () => {
  const control = `apiVersion: driftline.dev/v1
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
cel:
  validations:
    - { expression: "object.metadata.name != 'web'", message: it is called web, path: metadata.name }
cases:
  - { name: other, expect: pass, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: other } }] }
  - { name: web, expect: fail, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: web } }] }
`;
  writeFileSync(join(folder, 'own', 'own.yaml'), control);
  const run = await scan(['app', '--policy', 'own', '-o', 'wide', '--skip', '**/fine.yaml']);
  assert.match(run.out, /low {2}OWN-001 {2}Pods must not be called web\n {2}place {3}app\/pod & co\.yaml:3\n/);
  assert.match(run.out, /critical {2}DL-POD-001/);
  assert.match((await scan(['app', '--skip', '**/*.yaml'])).out, /^0 objects in 0 files: 0 findings/);
});

test('nothing to judge does not pass for clean', async () => {
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'notes.yaml'), 'just: notes\n');
  const summary = /^0 objects in \d files?: 0 findings, no score\n$/;
  for (const [paths, stdin, complaint] of [
    [['empty'], '', 'driftline: nothing was judged: there is no manifest in empty\n'],
    [['-'], '', 'driftline: nothing was judged: no object came on standard input\n'],
  ] as const) {
    const seen = await scan(paths, stdin);
    assert.match(seen.out, summary);
    assert.deepEqual([seen.status, seen.err], [0, complaint]);
    assert.equal((await scan([...paths, '--fail-on', 'high'], stdin)).status, 5);
  }
  // Whoever names each file that changed names others than manifests.
  const named = await scan(['notes.yaml', '--fail-on', 'high']);
  assert.deepEqual([named.status, named.err], [0, '']);
});
