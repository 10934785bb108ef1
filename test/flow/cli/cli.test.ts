/** The real `driftline` binary against a collector with stories in it: what people read, what scripts get. */
import type { ApiChange, ApiFinding, ApiPage, ApiScore, ApiStatus } from '@driftline/proto';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { bareEnvironment } from '../../fakes/embedded/process.ts';
import { binary, type CliWorld, hostile, openCliWorld, readerToken, runCli } from './open-cli-world.ts';

let world: CliWorld;
const folder = mkdtempSync(join(tmpdir(), 'driftline-cli-files-'));
before(async () => {
  world = await openCliWorld();
});
after(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

// oxlint-disable-next-line no-control-regex -- what a terminal would obey
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Runs, and expects the exit code; nothing a terminal would obey may come out. */
async function driftline(status: number, ...args: readonly string[]): Promise<string> {
  const run = await world.run(args);
  assert.equal(run.status, status, `driftline ${args.join(' ')}\n${run.out}\n${run.err}`);
  assert.ok(!obeyed.test(run.out) && !obeyed.test(run.err), `driftline ${args.join(' ')} lets control characters out`);
  assert.ok(!/\n {4}at /.test(run.err), run.err);
  return status === 0 || status === 1 ? run.out : run.err;
}
const json = async <T>(...args: readonly string[]) => JSON.parse(await driftline(0, ...args, '-o', 'json')) as T;
const changes = async (...args: readonly string[]) => (await json<ApiPage<ApiChange>>('log', ...args)).items;
const names = async (...args: readonly string[]) => (await changes(...args)).map(({ object }) => object.name);

describe('log', () => {
  test('tells when, where, who, what, which approval and which findings, newest first', async () => {
    const text = await driftline(0, 'log', 'rolebindings', '-n', 'shop', '--context', 'prod');
    const [head, ...lines] = text.split('\n');
    assert.match(head ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}modified {2}RoleBinding shop\/oncall {2}in prod$/);
    assert.deepEqual(
      lines.filter((line) => line !== ''),
      [
        '  who      alice@example.com (exact) from 192.0.2.7 by kubectl/v1.36.0 (linux/amd64) kubernete…',
        '  origin   human  user alice@example.com with the tool kubectl/v1.36.0',
        '  what     roleRef.name: view → cluster-admin',
        '  approval none found',
        '  findings opened critical DL-RBAC-001 Nobody but the built-in group is bound to cluster-admin  subjects[name=alice@example.com]',
      ],
    );
  });

  test('the most severe findings come first, and long lists say how much is left out', async () => {
    const text = await driftline(0, 'log', 'pods', '--user', hostile);
    const findings = text.split('\n').filter((line) => /^ {2}findings| {11}opened| {11}…/.test(line));
    assert.match(findings[0] ?? '', /opened critical DL-POD-001/);
    assert.match(findings.at(-1) ?? '', /… and \d+ more findings \(-o wide shows all\)/);
    assert.equal(findings.length, 7);
    assert.ok(!(await driftline(0, 'log', 'pods', '--user', hostile, '-o', 'wide')).includes('more findings'));
  });

  test('-o wide has the exact moment, its evidence and the change id', async () => {
    const text = await driftline(0, 'log', '--origin', 'human', 'rolebinding/oncall', '-o', 'wide');
    assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]{15}Z {2}modified/);
    assert.match(text, /happened {1}(between \S+ and|before) \S+ \(audit\)/);
    assert.match(text, /change {3}epoch-of-prod:\d+ {2}resourceVersion/);
  });

  test('filters: cluster, namespace, kind, name, origin, user, time, labels, first sights', async () => {
    assert.deepEqual(await names('--context', 'staging'), ['web']);
    assert.deepEqual(await names('-A', 'deploy'), ['web', 'web']);
    assert.deepEqual(await names('deploy/web', '--context=prod'), ['web']);
    assert.deepEqual(await names('deploy', 'web', '--context=prod', '--snapshots'), ['web', 'web']);
    assert.deepEqual(await names('--origin', 'gitops'), ['web']);
    assert.deepEqual(await names('--user', 'alice@example.com'), ['oncall']);
    assert.deepEqual(await names('-l', 'app=web,environment in (prod)', '--context', 'prod'), ['oncall', 'web']);
    assert.deepEqual(await names('--since', '15m'), ['web']);
    assert.deepEqual(await names('--until', '100m', '--context', 'prod'), ['web']);
    const { beforeHotfix, afterHotfix } = world.moments;
    assert.deepEqual(await names('--since', beforeHotfix, '--until', afterHotfix), ['oncall']);
    assert.equal((await names('--limit', '2')).length, 2);
    assert.equal(
      await driftline(0, 'log', '-n', 'shop', '--origin', 'pipeline'),
      'No changes recorded in namespace shop, --origin pipeline.\n',
    );
    assert.equal(await driftline(0, 'log', 'deploy/nothing'), 'No changes recorded for deploy/nothing.\n');
    assert.deepEqual(await names('-n', 'shop', '--origin', 'pipeline'), []);
    assert.match(await driftline(0, 'log', '--limit', '2'), /The newest 2; --limit N shows more\.\n$/);
  });

  test('--oneline is a table with one line for each change', async () => {
    const lines = (await driftline(0, 'log', '--oneline')).trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^TIME +CLUSTER +OBJECT +OP +FIELDS +WHO +ORIGIN +APPROVAL +FINDINGS$/);
    assert.equal(lines.length, 1 + (await changes()).length);
    assert.equal(
      new Set(
        lines
          .slice(1)
          .map((line) => line.indexOf('prod'))
          .filter((at) => at >= 0),
      ).size,
      1,
    );
  });
});

describe('show, at, findings, score, status', () => {
  test('show is the history of one object; exit 4 when there is none', async () => {
    const text = await driftline(0, 'show', 'rolebinding/oncall', '-n', 'shop');
    assert.match(text, /modified.*\n[^]*roleRef\.name: view → cluster-admin[^]*snapshot.*\n {2}what {5}first sight/);
    assert.match(
      await driftline(4, 'show', 'deploy/nothing', '-n', 'shop'),
      /no deploy named 'nothing' in the timeline of namespace shop/,
    );
    assert.match(await driftline(4, 'show', 'unicorn/x'), /no watched cluster has a kind 'unicorn'/);
    assert.match(await driftline(2, 'show', 'deploy'), /show deploy\/web -n shop/);
  });

  test('at shows the past, says how sure it is, and gives manifests to scripts', async () => {
    const { beforeHotfix, afterHotfix } = world.moments;
    const roleAt = async (moment: string) =>
      (
        parse(await driftline(0, 'at', moment, 'get', 'rolebinding/oncall', '-o', 'yaml')) as {
          items: [{ roleRef: { name: string } }];
        }
      ).items[0].roleRef.name;
    assert.equal(await roleAt(beforeHotfix), 'view');
    assert.equal(await roleAt(afterHotfix), 'cluster-admin');
    assert.match(
      await driftline(0, 'at', afterHotfix, 'get', 'deploy'),
      /^CLUSTER +NAMESPACE +OBJECT +UNCHANGED SINCE +CERTAINTY\nprod +shop +Deployment\/web .* certain\n$/,
    );
    const now = await driftline(0, 'at', 'now', 'get', 'deploy', '-l', 'app=web');
    assert.match(now, /2 of 2 not certain/);
    for (const what of ['deploy', 'deploy/web'])
      assert.match(await driftline(4, 'at', '1w', 'get', what), /the timeline begins after \S+ \S+: nothing is known/);
    assert.match(
      await driftline(0, 'at', '80m', 'get', 'deploy', '-n', 'shop', '-l', 'app=nothing'),
      /Not certain: 1 gap at that moment \(prod: relist\)/,
    );
    assert.match(await driftline(4, 'at', '70m', 'get', 'deploy/wob'), /there was no deploy 'wob' at/);
    assert.match(await driftline(2, 'at', 'teatime', 'get', 'deploy'), /'teatime' is not a moment: use/);
    assert.match(await driftline(2, 'at', '2h', 'deploy'), /driftline at 2h get deploy/);
  });

  test('findings gate a script by severity', async () => {
    const text = await driftline(0, 'findings', '--context', 'prod', 'rolebindings', '--control', 'DL-RBAC-001');
    assert.match(text, /^SEVERITY +CONTROL +CLUSTER +NAMESPACE +OBJECT +WHAT +WHERE +SINCE\ncritical +DL-RBAC-001 /);
    assert.match(text, /\n1 finding: 1 critical/);
    assert.match(await driftline(0, 'findings', '--sort', 'risk', '--limit', '5'), /^RISK +SEV[^]*\nThe 5 riskiest/);
    assert.match(await driftline(0, 'findings', '-o', 'wide'), / {2}risk {4}\d+ of 100: 50 for critical\n/);
    await driftline(1, 'findings', '--fail-on', 'critical');
    await driftline(0, 'findings', '--fail-on', 'critical', '--context', 'staging');
    assert.match(
      await driftline(2, 'findings', '--fail-on', 'urgent'),
      /--fail-on takes info, low, medium, high, critical, not 'urgent'/,
    );
    assert.match(
      await driftline(0, 'findings', '--severity', 'critical', '-o', 'wide'),
      /remedy {2}\S+.*\n {2}fields {2}.*\n {2}impact/,
    );
    const resolved = (await json<ApiPage<ApiFinding>>('findings', '--state', 'resolved')).items;
    assert.ok(resolved.length > 0 && resolved.every(({ state }) => state === 'resolved'));
    assert.match(await driftline(0, 'findings', '--state', 'all'), /STATE/);
    assert.equal(await driftline(0, 'findings', 'deploy', '--severity', 'critical'), 'No findings.\n');
  });

  test('the gate of findings is about open ones in the scope, whatever is shown', async () => {
    await driftline(1, 'findings', '--fail-on', 'low', '--state', 'resolved');
    await driftline(1, 'findings', '--fail-on', 'low', '--severity', 'critical', '--limit', '1');
    await driftline(0, 'findings', 'rolebindings', '--control', 'DL-POD-001', '--fail-on', 'info');
    const run = await world.run(['findings', 'deploy', '--severity', 'critical', '--fail-on', 'low']);
    assert.deepEqual([run.status, run.out], [1, 'No findings.\n']);
    assert.match(run.err, /there are open findings of severity low or more: exit 1/);
  });

  const scores = async (...args: string[]) =>
    (await json<{ items: ApiScore[] }>('score', ...args)).items.map(({ scope }) => scope);

  test('score has a gate too, and a past', async () => {
    const head =
      /^CLUSTER +SCOPE +SCORE +POINTS +CRITICAL.+ INFO +EXCEPTED +NOT ASSESSABLE +AS OF\nprod +cluster +\d+\.\d.* \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n/;
    assert.match(await driftline(0, 'score'), head);
    await driftline(1, 'score', '--min-score', '99.5');
    await driftline(0, 'score', '--min-score', '1');
    await driftline(2, 'score', '--min-score', 'good');
    await driftline(1, 'score', '-n', 'shop', '--min-score', '100');
    await driftline(0, 'score', '-n', 'shop', '--min-score', '1');
    assert.deepEqual([...new Set(await scores('-n', 'shop'))], ['namespace:shop']);
    assert.match(await driftline(0, 'score', '--at', '1w'), /Nothing has been judged yet/);
    assert.match(await driftline(0, 'at', '1w', 'score', '--by', 'owner'), /Nothing has been judged yet/);
  });

  test('score by owner, control, framework and tenant, and over time', async () => {
    assert.ok((await scores('--by', 'owner')).every((scope) => scope.startsWith('owner:')));
    assert.ok((await scores('--by', 'control')).length > 10);
    assert.deepEqual(await scores('--by', 'tenant'), ['tenant']);
    assert.deepEqual([...new Set(await scores('--since', '1h'))], ['cluster']);
    assert.match(await driftline(0, 'score', '--framework', 'pss', '-o', 'wide'), /requirement:pss\/\S+ +\d/);
    const overTime = await driftline(0, 'score', '--since', '1h', '--by', 'category');
    assert.match(overTime, /THEN +LAST +CHANGE[^]*category:compute/);
    assert.match(await driftline(0, 'score', '--regressions', '--until', '1w'), /No score fell/);
    await driftline(4, 'score', '--framework', 'none');
    await driftline(2, 'score', '--regressions', '--at', '1h');
  });

  test('a gate on nothing does not pass', async () => {
    for (const command of [
      ['findings', '--fail-on', 'info'],
      ['score', '--min-score', '0'],
      ['log'],
      ['status'],
      ['at', 'now', 'get', 'deploy'],
      ['show', 'deploy/web'],
    ])
      assert.match(
        await driftline(4, ...command, '--context', 'prdo'),
        /no cluster 'prdo' in the timeline; there are: prod, staging\n$/,
      );
    for (const command of [
      ['findings', '--fail-on', 'info'],
      ['score', '--min-score', '0'],
      ['log'],
      ['at', '80m', 'get', 'deploy'],
    ])
      assert.match(await driftline(4, ...command, '-n', 'nowhere'), /no namespace 'nowhere' in the timeline\n$/);
    assert.match(
      await driftline(4, 'findings', '--control', 'DL-XYZ-999', '--fail-on', 'info'),
      /control: the bundle has no 'DL-XYZ-999'/,
    );
    await driftline(1, 'score', '--at', '1w', '--min-score', '0');
  });

  test('a list that was cut short says so', async () => {
    assert.match(await driftline(0, 'findings', '--limit', '1'), /The 1 most severe; --limit N shows more\.\n$/);
    assert.match(
      await driftline(0, 'at', 'now', 'get', 'deploy', '--limit', '1'),
      /The first 1; --limit N shows more\./,
    );
  });

  test('machines get everything unless they set a limit, and then a sign', async () => {
    const all = await world.run(['log', '--snapshots', '-o', 'json']);
    const whole = JSON.parse(all.out) as ApiPage<ApiChange> & { truncated: boolean };
    assert.deepEqual([whole.truncated, all.err], [false, '']);
    for (const format of ['json', 'yaml']) {
      const run = await world.run(['log', '--snapshots', '--limit', '1', '-o', format]);
      const cut = parse(run.out) as { items: ApiChange[]; truncated: boolean };
      assert.deepEqual([run.status, cut.items, cut.truncated], [0, whole.items.slice(0, 1), true]);
      assert.match(run.err, /cut at --limit 1; there are more/);
      const exact = await world.run(['log', '--snapshots', '--limit', String(whole.items.length), '-o', format]);
      assert.deepEqual([(parse(exact.out) as { truncated: boolean }).truncated, exact.err], [false, '']);
    }
  });

  test('input that could not be read is told of, with where it stood and why', async () => {
    assert.match(await driftline(1, 'status'), /Input rejected: 1 \('driftline status --rejected' shows it\)/);
    assert.match(await driftline(0, 'status', '--rejected'), /^TIME.*\n.*prod +audit +not-an-event +9 /);
    const run = await world.run(['status', '--rejected', '-o', 'json']);
    const [rejected] = (JSON.parse(run.out) as { items: { cluster: string; bytes: number }[] }).items;
    assert.deepEqual([rejected?.cluster, rejected?.bytes], ['prod', 9]);
    assert.equal(await driftline(0, 'status', '--rejected', '--context', 'staging'), 'No input was rejected.\n');
  });

  test('status says what is not seen; exit 1 while an agent is away', async () => {
    const text = await driftline(1, 'status');
    assert.match(text, /^Driftline \d+\.\d+\.\d+ \(embedded\), \d+ controls, policy bundle [0-9a-f]+\n/);
    assert.match(text, /\nprod +AWAY .* \d+ h \d+ m /);
    assert.match(text, /2 of 2 agents away/);
    assert.match(text, /prod +deployments +relist .* the watch window was over/);
    assert.match(text, /prod +secrets +forbidden +may not list secrets/);
    const run = await world.run(['status', '-o', 'json']);
    assert.equal((JSON.parse(run.out) as ApiStatus).agents.length, 2);
  });
});

describe('formats', () => {
  test('json and yaml say the same, and hostile text survives as itself', async () => {
    for (const command of [['log'], ['findings', '--state', 'all'], ['score'], ['at', '70m', 'get', 'pods']]) {
      const fromJson = await json<unknown>(...command);
      assert.deepEqual(parse(await driftline(0, ...command, '-o', 'yaml')), fromJson, command[0]);
    }
    assert.ok((await names('pods')).includes(hostile));
  });

  test('a hostile name is escaped for people, and can be asked for', async () => {
    for (const format of [[], ['-o', 'wide'], ['--oneline']])
      assert.ok(
        (await driftline(0, 'log', 'pods', ...format)).includes(
          'evil\\x1b[2J\\x1b[31m\\x0d\\x0afake line\\u202etxt.exe',
        ),
      );
    assert.ok((await driftline(0, 'show', `pod/${hostile}`)).includes('evil\\x1b[2J'));
    await driftline(4, 'show', `pod/no${hostile}`);
    await driftline(2, hostile);
    await driftline(2, 'log', `--${hostile}`);
    await driftline(2, 'log', '--since', hostile);
    await driftline(4, 'log', hostile);
  });

  test('NO_COLOR and a pipe mean no colour; a terminal is never assumed', async () => {
    const plain = await world.run(['log'], { NO_COLOR: '1' });
    assert.ok(!plain.out.includes('\u001b'));
  });

  test('a reader that goes away early is no error', async () => {
    const env = { ...bareEnvironment(), HOME: tmpdir(), DRIFTLINE_URL: world.url, DRIFTLINE_TOKEN: readerToken };
    const shell = spawn(
      'bash',
      ['-c', `set -o pipefail; "$0" "$1" log -o json --snapshots | head -c 1; echo " $?"`, process.execPath, binary],
      { env },
    );
    const text = { out: '', err: '' };
    shell.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
    shell.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    assert.deepEqual(text, { out: '{ 0\n', err: '' });
  });
});

describe('connection and usage', () => {
  test('wrong usage is exit 2 with what to do', async () => {
    assert.match(await driftline(2, 'bogus'), /no command 'bogus'; there are: log, show/);
    assert.match(await driftline(2, 'log', '--nope'), /there is no option '--nope'; 'driftline help log'/);
    assert.match(await driftline(2, 'log', '-o', 'xml'), /use json, yaml or wide/);
    assert.match(await driftline(2, 'log', '--limit', '-5'), /--limit takes a whole number .* not '-5'/);
    assert.match(await driftline(2, 'stauts'), /no command 'stauts': did you mean status\?/);
    assert.match(await driftline(2, 'log', '--limit', 'many'), /--limit takes a whole number/);
    assert.match(await driftline(2, 'log', '-n', 'a', '-A'), /either --namespace or --all-namespaces/);
    assert.match(await driftline(2, 'log', '-l', 'a=b=c'), /not a label selector/);
    assert.match(await driftline(2, 'log', 'deploy/'), /names no object/);
    assert.match(await driftline(2, 'log', 'a', 'b', 'c'), /too many arguments: c/);
    assert.match(await driftline(2, 'log', '--origin', 'aliens'), /origin: one of gitops, pipeline/);
    assert.match(await driftline(2, 'log', '--since', '1h', '--until', '2h'), /--since 1h is after --until 2h/);
    for (const command of [
      ['log', '--since', '2199-01-01'],
      ['at', '2199-01-01', 'get', 'deploy'],
      ['score', '--at', '2199-01-01'],
    ])
      assert.match(await driftline(2, ...command), /'2199-01-01' is in the future/);
    assert.match(await driftline(2, 'status', '-A'), /there is no option '-A'/);
    assert.match(await driftline(2, 'help', 'bogus'), /no command 'bogus'/);
    for (const command of ['status', 'score'])
      assert.match(await driftline(2, command, 'prod'), /too many arguments: prod/);
  });

  test('options may stand before the command, and the version can be asked', async () => {
    assert.equal(
      await driftline(0, '-n', 'shop', '-ojson', 'log'),
      await driftline(0, 'log', '-n', 'shop', '-o', 'json'),
    );
    assert.equal(
      await driftline(0, '--context=staging', '-A', 'log'),
      await driftline(0, 'log', '--context', 'staging'),
    );
    for (const how of ['--version', 'version', '-V'])
      assert.match(await driftline(0, how), /^driftline \d+\.\d+\.\d+\n$/);
  });

  test('help is exit 0, for every command', async () => {
    const overview = await driftline(0, 'help');
    for (const command of ['log', 'show', 'at', 'findings', 'exceptions', 'score', 'status', 'policy']) {
      assert.ok(overview.includes(`\n  ${command} `), command);
      assert.match(await driftline(0, command, '--help'), new RegExp(`^usage: driftline ${command}`));
      assert.equal(await driftline(0, 'help', command), await driftline(0, command, '-h'));
    }
  });

  test('no collector, a wrong address and a wrong token are exit 3 and say which', async () => {
    const none = await runCli(['log']);
    assert.deepEqual([none.status, none.out], [3, '']);
    assert.match(none.err, /^driftline: no collector to ask: start one with 'npm start'/);
    for (const url of ['http://127.0.0.1:9', 'http://localhost:9']) {
      const away = await runCli(['log'], { DRIFTLINE_URL: url });
      assert.equal(away.status, 3);
      assert.match(away.err, /cannot reach the collector at http:\S+: \S.*\. Is it running\?\n$/);
    }
    for (const token of ['wrong', '']) {
      const refused = await world.run(['status'], { DRIFTLINE_TOKEN: token });
      assert.deepEqual([refused.status, refused.out], [3, '']);
      assert.match(refused.err, /refuses this token/);
    }
    const malformed = await runCli(['log'], { DRIFTLINE_URL: 'not a url' });
    assert.equal(malformed.status, 2);
  });

  test('flags win over the environment; a token file is read', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${readerToken}\n`);
    const run = await runCli(['score', '--server', `${world.url}/`, '--token-file', file], {
      DRIFTLINE_URL: 'http://127.0.0.1:9',
      DRIFTLINE_TOKEN: 'wrong',
    });
    assert.equal(run.status, 0, run.err);
    assert.equal((await runCli(['score', '--server', world.url, '--token-file', join(folder, 'none')])).status, 2);
  });
});
