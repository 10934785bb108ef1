import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LoadedControl } from '@driftline/policy';
import type { ApiChange, ApiFinding, ApiRegression, ApiScore } from '@driftline/proto';
import {
  batch,
  coverage,
  posture,
  regression,
  secondUs,
  startUs,
  stream,
  transition,
  version,
} from './testing/rows.ts';
import { control, openTestApi, type TestApi } from './testing/open-test-api.ts';

let api: TestApi;

const pss = {
  apiVersion: 'driftline.dev/v1',
  kind: 'Framework',
  id: 'pss',
  title: 'Pod Security Standards',
  version: '1',
  url: 'https://kubernetes.io/docs/concepts/security/pod-security-standards/',
  requirements: [
    { id: 'baseline/privileged', title: 'Privileged' },
    { id: 'other', title: 'Other' },
    { id: 'process', title: 'Process', cannotShow: 'it is about people' },
  ],
} as const;
const own = { ...stream, epoch: 'collector' };
const labels = (name: string, app: string) => ({
  metadata: { name, namespace: 'shop', labels: { app } },
});
const severe = (critical: number, high: number) => ({ critical, high, medium: 0, low: 0, info: 0 });

before(async () => {
  const frameworks = [{ framework: 'pss', requirements: ['baseline/privileged'] }];
  api = await openTestApi({
    policies: {
      controls: [{ control: { meta: { ...control, frameworks } } } as unknown as LoadedControl],
      exceptions: [],
      frameworks: [{ ...pss, requirements: [...pss.requirements] }],
    },
  });
  await api.record(
    batch([1, 4], {
      coverage: [coverage(1)],
      versions: [
        version(1, { op: 'created', object: labels('web', 'old') }),
        version(2, { op: 'created', name: 'api', object: labels('api', 'api') }),
        version(3, { object: labels('web', 'web'), paths: ['/metadata/labels'] }),
        version(4, { op: 'deleted', name: 'gone' }),
      ],
      transitions: [
        transition(1),
        transition(1, { index: 1, findingId: 'f2', severity: 'critical', path: 'spec.a' }),
        transition(2, { findingId: 'f3', severity: 'low', name: 'api', control: 'DL-POD-002' }),
        transition(2, { index: 1, findingId: 'f4', severity: 'info', name: 'api', state: 'excepted' }),
        transition(3, { state: 'resolved' }),
        transition(3, {
          index: 1,
          findingId: 'f2',
          severity: 'critical',
          path: 'spec.a',
          state: 'updated',
          value: 'new',
        }),
        transition(4, { state: 'reopened' }),
        transition(4, { index: 1, findingId: 'f5', severity: 'medium', name: 'gone', state: 'resolved' }),
      ],
      posture: [
        posture(1, { score: 50, earned: 5 }),
        posture(2, { scope: 'namespace:shop', score: 60, earned: 6 }),
        posture(2, { scope: 'namespace:old', score: 10, earned: 1 }),
        posture(4, { scope: 'namespace:old', score: 100, earned: 0, possible: 0 }),
        posture(4, { score: 80, openBySeverity: severe(1, 1) }),
      ],
    }),
  );
  // A new bundle, told by the collector itself ten seconds in: its stream is younger than the agent's.
  await api.record(
    batch(
      [1, 1],
      {
        transitions: [
          transition(1, {
            findingId: 'f3',
            name: 'api',
            control: 'DL-POD-002',
            severity: 'high',
            state: 'updated',
            cause: 'bundle',
            atUs: startUs + 10 * secondUs,
            afterOwn: 1,
          }),
          transition(1, {
            index: 1,
            findingId: 'f6',
            name: 'api',
            path: 'x',
            cause: 'bundle',
            atUs: startUs + 10 * secondUs,
            afterOwn: 1,
          }),
        ],
        posture: [posture(1, { score: 70, earned: 7, atUs: startUs + 10 * secondUs, afterOwn: 1 })],
        unjudged: [],
      },
      own,
    ),
  );
  // And what the agent reported after that.
  await api.record(
    batch([5, 5], {
      versions: [
        version(5, { name: 'api', object: labels('api', 'api'), paths: ['/x'], observedAtUs: startUs + 20 * secondUs }),
      ],
      transitions: [
        transition(5, {
          findingId: 'f6',
          name: 'api',
          path: 'x',
          state: 'resolved',
          atUs: startUs + 20 * secondUs,
          afterOwn: 1,
        }),
      ],
      posture: [posture(5, { score: 90, earned: 9, atUs: startUs + 20 * secondUs, afterOwn: 1 })],
    }),
  );
});
after(() => api.close());

const findings = (query = '') => api.all<ApiFinding>(`findings?${query}`);
const ids = async (query: string) => (await findings(query)).map(({ id }) => id);

test('open findings are the default, most severe first; each state can be asked for', async () => {
  assert.deepEqual(await ids(''), ['f2', 'f3', 'f1']);
  assert.deepEqual(await ids('state=open'), ['f2', 'f3', 'f1']);
  assert.deepEqual(await ids('state=excepted'), ['f4']);
  assert.deepEqual(await ids('state=resolved'), ['f6', 'f5']);
  assert.deepEqual(await ids('state=all'), ['f2', 'f6', 'f3', 'f1', 'f5', 'f4']);
});

test('a finding says where, what, since when, and how to mend it', async () => {
  const [critical] = await findings('severity=critical');
  assert.deepEqual(
    [critical?.value, critical?.openedAt, critical?.changedAt, critical?.state],
    ['new', '2026-01-01T00:00:01.000000Z', '2026-01-01T00:00:03.000000Z', 'open'],
  );
  assert.deepEqual([critical?.object.kind, critical?.object.resource], ['Deployment', 'deployments']);
  const reopened = (await findings('')).find(({ id }) => id === 'f1');
  assert.equal(reopened?.openedAt, '2026-01-01T00:00:04.000000Z', 'open since it was reopened');
  assert.deepEqual(reopened?.remediation, control.remediation);
  assert.equal((await findings('control=DL-POD-002'))[0]?.remediation, null, 'a control that is no longer loaded');
});

test('between the agent and the collector itself the later word counts', async () => {
  assert.equal((await findings('name=api')).find(({ id }) => id === 'f3')?.severity, 'high');
  assert.equal((await findings('state=all')).find(({ id }) => id === 'f6')?.state, 'resolved');
});

test('every filter narrows the answer to what it names', async () => {
  const expected: readonly (readonly [string, readonly string[]])[] = [
    ['severity=high', ['f2', 'f3', 'f1']],
    ['severity=critical', ['f2']],
    ['control=DL-POD-002', ['f3']],
    ['kind=deploy&name=web', ['f2', 'f1']],
    ['namespace=nowhere', []],
    ['cluster=west', []],
    ['selector=app=web', ['f2', 'f1']],
    ['selector=app=old', []],
    ['selector=app+in+(api)&state=all', ['f6', 'f3', 'f4']],
    ['selector=!app&state=all', ['f5']],
  ];
  for (const [query, found] of expected) assert.deepEqual(await ids(query), found, query);
});

test('pages cover everything exactly once', async () => {
  const many = Array.from({ length: 16 }, (_, i) =>
    transition(1, {
      index: i,
      findingId: `m${i}`,
      name: `o${i % 7}`,
      path: `p${i % 3}`,
      severity: i % 2 === 0 ? 'high' : 'low',
    }),
  );
  await api.record(batch([1, 1], { transitions: many, coverage: [coverage(1)] }, { ...stream, cluster: 'many' }));
  const whole = await ids('cluster=many&limit=500');
  assert.equal(new Set(whole).size, 16);
  for (const limit of [1, 7, 16]) assert.deepEqual(await ids(`cluster=many&limit=${limit}`), whole, `limit ${limit}`);
  assert.deepEqual(await ids('selector=!app&cluster=many&limit=3'), whole, 'sifted');
});

const scores = async (query = '') =>
  (await api.all<ApiScore>(`score?cluster=east&${query}`)).map(({ scope, score }) => [scope, score]);

test('the score is the last one at the moment, the cluster first; scopes without anything to judge are left out', async () => {
  assert.deepEqual(await scores(), [
    ['cluster', 90],
    ['namespace:shop', 60],
  ]);
  assert.deepEqual(await scores('at=2026-01-01T00:00:15Z'), [
    ['cluster', 70],
    ['namespace:shop', 60],
  ]);
  assert.deepEqual(await scores('at=2026-01-01T00:00:02Z'), [
    ['cluster', 50],
    ['namespace:old', 10],
    ['namespace:shop', 60],
  ]);
  assert.deepEqual(await scores('at=2025-01-01T00:00:00Z'), []);
  assert.deepEqual(await scores('namespace=shop'), [['namespace:shop', 60]]);
});

test('a score has its parts', async () => {
  const [cluster] = await api.all<ApiScore>('score?cluster=east&at=2026-01-01T00:00:05Z');
  assert.deepEqual(cluster, {
    cluster: 'east',
    scope: 'cluster',
    score: 80,
    earned: 8,
    possible: 10,
    passing: 4,
    failing: 1,
    excepted: 0,
    notAssessable: 0,
    unjudged: 0,
    openBySeverity: severe(1, 1),
    at: '2026-01-01T00:00:04.000000Z',
  });
});

describe('scores of several clusters', () => {
  const inCluster = (cluster: string) => ({ tenant: 'default', cluster, epoch: `of-${cluster}` });
  before(async () => {
    await api.record(
      batch(
        [1, 3],
        {
          versions: [version(2, { name: 'web', paths: ['/x'] })],
          transitions: [transition(2, { findingId: 'r1', control: 'DL-POD-001', name: 'web' })],
          posture: [
            posture(1, { score: 80, earned: 8 }),
            posture(1, { scope: 'owner:shop-team', score: 80, earned: 8 }),
            posture(1, { scope: 'control:DL-POD-001', score: 100, earned: 4, possible: 4, failing: 0 }),
            posture(1, { scope: 'framework:pss', score: 100, earned: 4, possible: 4 }),
            posture(2, { score: 60, earned: 6, isBaseline: true }),
            posture(2, { scope: 'owner:shop-team', score: 60, earned: 6 }),
            posture(3, {
              scope: 'owner:hidden',
              score: 100,
              earned: 0,
              possible: 0,
              passing: 0,
              failing: 0,
              notAssessable: 3,
            }),
          ],
          regressions: [regression(2, { findingIds: ['r1'], changeIds: ['of-red:2'] })],
        },
        inCluster('red'),
      ),
    );
    const control = posture(1, { scope: 'control:DL-POD-001', score: 0, earned: 0, possible: 4, atUs: startUs });
    await api.record(batch([1, 1], { posture: [posture(1, { atUs: startUs }), control] }, inCluster('blue')));
  });
  const told = async (query: string) =>
    (await api.all<ApiScore>(query)).map(({ cluster, scope, score, earned }) => [cluster, scope, score, earned]);

  test('they can be asked for by what they are of, page by page', async () => {
    const owners = [
      ['red', 'owner:hidden', 100, 0],
      ['red', 'owner:shop-team', 60, 6],
    ];
    assert.deepEqual(await told('score?cluster=red&by=owner'), owners);
    assert.deepEqual(await told('score?cluster=red&by=owner&limit=1'), owners);
    assert.deepEqual(await told('score?scope=control:DL-POD-001'), [
      ['blue', 'control:DL-POD-001', 0, 0],
      ['red', 'control:DL-POD-001', 100, 4],
    ]);
    assert.equal((await api.get('score?by=colour')).status, 400);
    assert.equal((await api.get('score?scope=cluster&namespace=shop')).status, 400);
  });

  test('those of a tenant are those of its clusters added up, now and over time', async () => {
    const [now] = await api.all<ApiScore>('score?by=tenant');
    assert.deepEqual([now?.cluster, now?.scope, now?.earned, now?.possible], ['', 'tenant', 9 + 6 + 8, 30]);
    const points = await told(
      'score/history?by=tenant&since=2026-01-01T00:00:01.5Z&until=2026-01-01T00:00:04Z&limit=1',
    );
    assert.deepEqual(
      points.map(([, , score]) => score),
      // red 80, east 50, blue 80; then red 60; then east 80
      [70, 63.33, 73.33],
    );
  });

  test('over time each scope begins with its last point before', async () => {
    const since = 'since=2026-01-01T00:00:02Z';
    const points = [
      ['red', 'cluster', 80, 8],
      ['red', 'cluster', 60, 6],
    ];
    assert.deepEqual(await told(`score/history?cluster=red&by=cluster&${since}`), points);
    assert.deepEqual(await told(`score/history?cluster=red&by=cluster&${since}&limit=1`), points);
    assert.deepEqual(await told('score/history?cluster=red&by=cluster&since=2026-01-01T00:00:09Z'), points.slice(1));
  });

  test('a regression names its findings and changes, and its change names it', async () => {
    const [regression, ...others] = await api.all<ApiRegression>('score/regressions?cluster=red');
    assert.deepEqual(others, []);
    assert.deepEqual(
      [regression?.from.score, regression?.score, regression?.causes, regression?.changes],
      [80, 60, 1, ['of-red:2']],
    );
    assert.deepEqual(
      regression?.findings.map(({ id, control, object }) => [id, control, object.kind, object.name]),
      [['r1', 'DL-POD-001', 'Deployment', 'web']],
    );
    assert.deepEqual(await api.all('score/regressions?by=namespace'), []);
    const [change] = await api.all<ApiChange>('log?cluster=red');
    const { id, scope, from, score, at } = regression!;
    assert.deepEqual(change?.regressions, [{ id, scope, from, score, at }]);
  });

  test('a framework is told by its requirements, and what no control shows of it', async () => {
    const { body, status } = await api.get('score?framework=pss&cluster=red');
    assert.equal(status, 200);
    const { items, framework } = body as { items: ApiScore[]; framework: { id: string; notShown: unknown[] } };
    assert.deepEqual(
      items.map(({ scope, score }) => [scope, score]),
      [
        ['framework:pss', 100],
        ['requirement:pss/baseline/privileged', 100],
      ],
    );
    assert.deepEqual(framework.notShown, [
      { id: 'other', title: 'Other', reason: 'nothing here is judged by a control for it' },
      { id: 'process', title: 'Process', reason: 'it is about people' },
    ]);
    assert.equal((await api.get('score?framework=none')).status, 404);
  });
});

describe('the risk of findings', () => {
  const risky = { tenant: 'default', cluster: 'risky', epoch: 'e1' };
  const shop = { metadata: { name: 'shop', labels: { 'driftline.io/criticality': 'critical' } } };
  const namespace = { group: '', resource: 'namespaces', kind: 'Namespace', namespace: '', name: 'shop' };
  before(async () => {
    const reachable = { control: 'DL-NET-002', state: 'excepted', reason: 'a LoadBalancer leads to it' } as const;
    await api.record(
      batch(
        [1, 3],
        {
          versions: [version(1, { ...namespace, object: shop }), version(2, { name: 'quiet' })],
          transitions: [
            transition(1, { findingId: 'q1', name: 'quiet', severity: 'critical', namespace: 'other' }),
            transition(1, { index: 1, findingId: 'w1', name: 'web', severity: 'high' }),
            transition(2, { findingId: 'w1', name: 'web', severity: 'high', state: 'resolved' }),
            transition(3, { findingId: 'w1', name: 'web', severity: 'high', state: 'reopened' }),
            transition(3, { index: 1, findingId: 'w2', name: 'web', ...reachable }),
          ],
        },
        risky,
      ),
    );
  });

  test('it is told with its factors and what each was read from', async () => {
    const found = await findings('cluster=risky&namespace=shop');
    assert.deepEqual(
      found.map(({ id, risk }) => [
        id,
        risk?.points,
        risk?.factors.map(({ name, value }) => `${name} ${value}`).slice(0, 4),
      ]),
      [['w1', 32, ['exploitability none known', 'exposure outside', 'privilege node', 'criticality critical']]],
    );
    assert.equal(found[0]?.risk?.factors[1]?.evidence, 'DL-NET-002: a LoadBalancer leads to it');
    assert.equal(found[0]?.risk?.factors[5]?.value, '1 times reopened');
  });

  test('it orders them, page by page, whatever their severity', async () => {
    assert.deepEqual(await ids('cluster=risky'), ['q1', 'w1']);
    assert.deepEqual(await ids('cluster=risky&sort=risk'), ['w1', 'q1']);
    const whole = await ids('cluster=many&sort=risk');
    assert.equal(new Set(whole).size, 16);
    assert.deepEqual(await ids('cluster=many&sort=risk&limit=7'), whole);
    assert.equal((await api.get('findings?sort=colour')).status, 400);
  });
});
