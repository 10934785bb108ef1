/**
 * The `driftline` command against a collector with stories in it: what people read, what scripts get. It runs in this
 * process; connection.test.ts shows that the binary says the same.
 */
import type { ApiChange, ApiFinding, ApiPage, ApiScore, ApiStatus } from '@driftline/proto';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { type CliWorld, expectCli, hostile, openCliWorld } from './open-cli-world.ts';

let world: CliWorld;
before(async () => {
  world = await openCliWorld();
});
after(() => world.close());

const driftline = (status: number, ...args: readonly string[]) => expectCli(world, status, args);
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
    assert.deepEqual(await names('--since', '60m'), ['web']);
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
      await driftline(0, 'at', '86m', 'get', 'deploy', '-n', 'shop', '-l', 'app=nothing'),
      /Not certain: 1 gap at that moment \(prod: relist\)/,
    );
    assert.match(await driftline(4, 'at', '70m', 'get', 'deploy/wob'), /there was no deploy 'wob' at/);
    assert.match(await driftline(4, 'at', '70m', 'get', 'deploy', 'web', 'wob'), /there was no deploy 'wob' at/);
    const names = (...what: string[]) => driftline(0, 'at', '70m', 'get', ...what, '-o', 'name');
    const both = 'rolebinding.rbac.authorization.k8s.io/oncall\ndeployment.apps/web\n';
    assert.equal(await names('rolebinding,deploy'), both);
    assert.equal(await names('rolebinding/oncall', 'deploy/web'), both);
    assert.match(
      await names('all'),
      /^pod\/[^]*^deployment\.apps\/web$/m,
      'kinds that no cluster has are nothing here',
    );
    assert.match(await driftline(4, 'at', '70m', 'get', 'deploy,boats'), /no watched cluster has a kind 'boats'/);
    for (const what of [
      ['deploy/web', 'svc'],
      ['all', 'web'],
      ['deploy', ''],
    ])
      assert.match(await driftline(2, 'at', '70m', 'get', ...what), /names no object|takes no names/);
    assert.match(await driftline(2, 'findings', '-o', 'name'), /unknown output format 'name': use json, yaml or wide/);
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
});
