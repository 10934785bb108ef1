import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ApiChange } from '@driftline/proto';
import { batch, coverage, link, secondUs, startUs, stream, transition, verdict, version } from './testing/rows.ts';
import { openTestApi, type TestApi } from './testing/open-test-api.ts';

let api: TestApi;

const deployment = (name: string, replicas: number, metadata: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop', ...metadata },
  spec: { replicas },
});

const gitops = { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/api' } };
const manager = (name: string, paths: readonly string[], timeUs = 0) => ({
  manager: name,
  operation: 'Update',
  subresource: '',
  timeUs,
  paths,
});

const webLabels = { labels: { app: 'web', tier: 'front' } };
const approved = {
  ...webLabels,
  annotations: { 'kubernetes.io/change-cause': 'CHG-42 more replicas' },
};

/** One cluster's story, by sequence; each is a second after the one before. */
const story = batch([1, 12], {
  coverage: [coverage(1), coverage(1, { group: '', resource: 'configmaps', kind: 'ConfigMap' })],
  versions: [
    version(2, { op: 'snapshot', object: deployment('web', 1, webLabels) }),
    version(3, { op: 'created', name: 'api', object: deployment('api', 1, gitops) }),
    version(4, {
      object: deployment('web', 3, approved),
      paths: ['/spec/replicas', '/metadata/annotations'],
      managers: [manager('kubectl-scale', ['/spec/replicas'])],
    }),
    version(6, {
      name: 'api',
      object: deployment('api', 2, gitops),
      paths: ['/spec/replicas'],
      managers: [manager('argocd-controller', ['/spec/replicas'], startUs + 5 * secondUs)],
    }),
    version(7, { op: 'deleted', name: 'api' }),
    version(8, { op: 'created', name: 'api', uid: 'uid-api-2', object: deployment('api', 9) }),
    // A list showed two objects to be gone: two versions of one message.
    version(10, { op: 'created', namespace: 'lab', name: 'a', object: deployment('a', 1) }),
    version(11, { op: 'created', namespace: 'lab', name: 'b', object: deployment('b', 1) }),
    version(12, {
      op: 'deleted',
      namespace: 'lab',
      name: 'a',
      synthesised: true,
      managers: [manager('kubectl-create', [''])],
    }),
    version(12, { op: 'deleted', namespace: 'lab', name: 'b', synthesised: true }),
  ],
  links: [
    link(5, 4, { confidence: 'probable', user: 'mallory@example.com', evidence: 'by time' }),
    // A later event fits better: this one counts.
    link(6, 4),
    link(9, 7, { name: 'api', uid: 'uid-api', verb: 'delete', user: 'root', impersonatedUser: 'bob@example.com' }),
  ],
  changeVerdicts: [
    verdict(4, 4, { state: 'unjudged', reason: 'nobody knows', user: '' }),
    verdict(6, 4, { stateBefore: 'unjudged' }),
    verdict(6, 6, { name: 'api', uid: 'uid-api' }),
    // Somebody else turned out to have asked.
    verdict(9, 6, { name: 'api', uid: 'uid-api', state: 'pass', stateBefore: 'fail', reason: '', user: 'argocd' }),
    verdict(7, 7, { name: 'api', uid: 'uid-api', state: 'unjudged', reason: 'nobody knows', user: '' }),
  ],
  transitions: [
    transition(4),
    transition(4, { index: 1, findingId: 'f2', control: 'DL-POD-002', severity: 'low', path: '' }),
    transition(7, { findingId: 'f0', state: 'resolved', name: 'api' }),
    transition(12, { findingId: 'fa', state: 'resolved', namespace: 'lab', name: 'a' }),
    transition(12, { index: 1, findingId: 'fb', state: 'resolved', namespace: 'lab', name: 'b' }),
    transition(12, {
      index: 2,
      findingId: 'fc',
      state: 'opened',
      namespace: '',
      name: 'lab',
      kind: 'Namespace',
      group: '',
    }),
  ],
});

before(async () => {
  api = await openTestApi();
  await api.record(story);
});
after(() => api.close());

const log = (query = '') => api.all<ApiChange>(`log?${query}`);
const ids = async (query: string) => (await log(query)).map((change) => change.id);
/** All of the story, asked for once: the tests that look at one change of it record nothing. */
let whole: Promise<readonly ApiChange[]> | undefined;
const one = async (id: string) => {
  whole ??= log('cluster=east&snapshots=true');
  const change = (await whole).find((each) => each.id === id);
  assert.ok(change, id);
  return change;
};

test('changes come newest first, without first sights unless asked for', async () => {
  assert.deepEqual(await ids(''), ['e1:12.1', 'e1:12', 'e1:11', 'e1:10', 'e1:8', 'e1:7', 'e1:6', 'e1:4', 'e1:3']);
  assert.deepEqual((await ids('snapshots=true')).at(-1), 'e1:2');
});

test('a modification shows its fields before and after', async () => {
  const change = await one('e1:4');
  assert.deepEqual(change.fields, [
    { path: 'metadata.annotations', after: { 'kubernetes.io/change-cause': 'CHG-42 more replicas' } },
    { path: 'spec.replicas', before: 1, after: 3 },
  ]);
  assert.equal(change.op, 'modified');
  assert.equal(change.observedAt, '2026-01-01T00:00:04.000000Z');
});

test('first versions, deletes and a namesake created later have no field diff', async () => {
  for (const id of ['e1:2', 'e1:3', 'e1:7', 'e1:8']) assert.deepEqual((await one(id)).fields, [], id);
  assert.equal((await one('e1:8')).op, 'created');
  assert.equal((await one('e1:8')).object.uid, 'uid-api-2');
});

test('who did it: the last link counts; then field managers; then nobody', async () => {
  const linked = (await one('e1:4')).who;
  assert.deepEqual(
    [linked.user, linked.confidence, linked.managers],
    ['alice@example.com', 'exact', ['kubectl-scale']],
  );
  assert.deepEqual([linked.groups, linked.sourceIps, linked.verb], [['dev'], ['192.0.2.7'], 'patch']);
  const claimed = (await one('e1:6')).who;
  assert.deepEqual([claimed.user, claimed.confidence, claimed.managers], ['', 'manager-only', ['argocd-controller']]);
  const unknown = (await one('e1:8')).who;
  assert.deepEqual([unknown.user, unknown.confidence, unknown.managers], ['', 'none', []]);
  assert.equal((await one('e1:7')).who.impersonatedUser, 'bob@example.com');
});

test('who made an object is not taken for who deleted it', async () => {
  const { who, origin } = await one('e1:12');
  assert.deepEqual([who.confidence, who.managers, origin.kind], ['none', [], 'unknown']);
});

test('what controls about changes say is with the change: the last word of each, passes left out', async () => {
  const told = (await log()).flatMap(({ id, verdicts }) =>
    verdicts.map(({ control, state, user }) => [id, control, state, user]),
  );
  assert.deepEqual(told, [
    ['e1:7', 'DL-CHG-001', 'unjudged', ''],
    ['e1:4', 'DL-CHG-001', 'fail', 'alice@example.com'],
  ]);
  assert.deepEqual(await ids('violated=true'), ['e1:4']);
  const [violation] = (await one('e1:4')).verdicts;
  assert.deepEqual(
    [violation?.id, violation?.bundle, violation?.reason, violation?.at],
    ['v-4', 'b1', 'changed by alice@example.com', '2026-01-01T00:00:06.000000Z'],
  );
});

test('when it happened has the bounds and the source of its evidence', async () => {
  assert.deepEqual((await one('e1:4')).happened, {
    notBefore: '2026-01-01T00:00:03.000000Z',
    notAfter: '2026-01-01T00:00:03.800000Z',
    source: 'audit',
  });
  assert.deepEqual((await one('e1:6')).happened, {
    notBefore: '2026-01-01T00:00:05.000000Z',
    notAfter: '2026-01-01T00:00:06.000000Z',
    source: 'managed-fields',
  });
  assert.equal((await one('e1:8')).happened.source, 'watch');
});

test('approval evidence and origin are read of the object, of a deleted one as it was last', async () => {
  assert.deepEqual(
    (await one('e1:4')).approval.map(({ type, value, state }) => [type, value, state]),
    [['change-cause', 'CHG-42 more replicas', 'claimed']],
  );
  assert.deepEqual((await one('e1:8')).approval, []);
  assert.equal((await one('e1:6')).origin.kind, 'gitops');
  const deleted = (await one('e1:7')).approval[0];
  assert.deepEqual([deleted?.type, deleted?.state], ['gitops-application', 'earlier']);
});

test('a change carries the findings it opened and resolved; siblings of one message their own', async () => {
  assert.deepEqual(
    (await one('e1:4')).findings.map(({ findingId, state, changeId }) => [findingId, state, changeId]),
    [
      ['f1', 'opened', 'e1:4'],
      ['f2', 'opened', 'e1:4'],
    ],
  );
  assert.deepEqual(
    (await one('e1:12')).findings.map(({ findingId }) => findingId),
    ['fa', 'fc'],
  );
  assert.deepEqual(
    (await one('e1:12.1')).findings.map(({ findingId }) => findingId),
    ['fb'],
  );
  assert.deepEqual((await one('e1:3')).findings, []);
});

test('every filter narrows the answer to what it names', async () => {
  const expected: readonly (readonly [string, readonly string[]])[] = [
    ['cluster=east&name=web', ['e1:4']],
    ['cluster=west', []],
    ['namespace=lab', ['e1:12.1', 'e1:12', 'e1:11', 'e1:10']],
    ['kind=deploy&name=api', ['e1:8', 'e1:7', 'e1:6', 'e1:3']],
    ['kind=Deployment&name=web', ['e1:4']],
    ['kind=deployments.apps&name=web&snapshots=true', ['e1:4', 'e1:2']],
    ['kind=cm', []],
    ['since=2026-01-01T00:00:11Z', ['e1:12.1', 'e1:12', 'e1:11']],
    ['until=2026-01-01T00:00:04Z', ['e1:4', 'e1:3']],
    ['since=2026-01-01T00:00:04Z&until=2026-01-01T00:00:04Z', ['e1:4']],
    ['since=2026-01-01T01:00:04%2B01:00&until=2026-01-01T00:00:04Z', ['e1:4']],
    ['since=2026-01-01T00:00:04.000001Z&until=2026-01-01T00:00:05.999999Z', []],
    ['user=alice@example.com', ['e1:4']],
    ['user=mallory@example.com', []],
    ['user=bob@example.com', ['e1:7']],
    ['origin=gitops', ['e1:6']],
    ['origin=human', ['e1:7', 'e1:4']],
    ['selector=app=web', ['e1:4']],
    ['selector=app+in+(web,x),tier!=back&snapshots=true', ['e1:4', 'e1:2']],
    ['selector=!app&name=api', ['e1:8', 'e1:7', 'e1:6', 'e1:3']],
    ['selector=constructor', []],
  ];
  for (const [query, changes] of expected) assert.deepEqual(await ids(query), changes, query);
});

test('pages cover everything exactly once, whatever their size and the filter', async () => {
  // A page is filled from candidates as they are, or from sifted ones; sizes that divide what there is and that do not.
  for (const [filter, limits] of [
    ['snapshots=true', [1, 7]],
    ['snapshots=true&origin=unknown', [3]],
    ['snapshots=true&selector=!app', [2]],
    ['origin=human', [1]],
  ] as const) {
    const all = await ids(`${filter}&limit=500`);
    for (const limit of limits) {
      assert.ok(all.length > limit, 'more than a page');
      assert.deepEqual(await ids(`${filter}&limit=${limit}`), all, `${filter} ${limit}`);
    }
  }
});

test('a page ends where its objects weigh too much, and the pages after it lack nothing', async () => {
  const { bodyCharacters } = api.bounds;
  const queries = ['snapshots=true', 'origin=human', 'selector=app%3Dweb&snapshots=true'];
  const unbounded = await Promise.all(queries.map((query) => log(query)));
  try {
    for (api.bounds.bodyCharacters of [1, 400, 1_000])
      for (const [at, query] of queries.entries()) assert.deepEqual(await log(query), unbounded[at], query);
    api.bounds.bodyCharacters = 1;
    const { body } = await api.get('log?snapshots=true');
    assert.equal((body as { items: readonly unknown[] }).items.length, 1);
  } finally {
    api.bounds.bodyCharacters = bodyCharacters;
  }
});

test('answers are the same when the store looks for itself how far streams are recorded', async () => {
  const { givenStreams } = api.bounds;
  const paths = ['log?snapshots=true', 'status', 'objects?kind=deploy'];
  const ask = () => Promise.all(paths.map((path) => api.get(path)));
  const told = await ask();
  try {
    api.bounds.givenStreams = 0;
    for (const [at, answer] of (await ask()).entries()) {
      assert.equal(answer.status, 200, paths[at]);
      assert.deepEqual(answer, told[at], paths[at]);
    }
  } finally {
    api.bounds.givenStreams = givenStreams;
  }
});

test('what arrives while somebody pages neither repeats nor hides anything', async () => {
  const other = { ...stream, cluster: 'busy' };
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => version(from + i, { name: `o${i}`, op: 'created' }));
  await api.record(batch([1, 20], { versions: rows(1, 20), coverage: [coverage(1)] }, other));
  const first = await api.get('log?cluster=busy&limit=7');
  await api.record(batch([21, 30], { versions: rows(21, 30) }, other));
  const page = first.body as { items: ApiChange[]; next: string };
  const rest = await api.get(`log?cluster=busy&limit=500&cursor=${page.next}`);
  const seen = [...page.items, ...(rest.body as { items: ApiChange[] }).items].map(({ id }) => id);
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => `e1:${20 - i}`),
  );
});

test('rows of a batch without its commit row do not exist yet', async () => {
  const torn = { ...stream, cluster: 'torn' };
  await api.record(batch([1, 1], { versions: [version(1, { op: 'created' })], coverage: [coverage(1)] }, torn));
  const { connection } = api.timeline;
  const insert = `INSERT INTO resource_versions SELECT * REPLACE (2 AS sequence, 'modified' AS op) FROM resource_versions WHERE cluster = 'torn'`;
  const response = await fetch(`${connection.url}/?database=${connection.database}`, {
    method: 'POST',
    body: insert,
    headers: { 'X-ClickHouse-User': connection.writer.user, 'X-ClickHouse-Key': connection.writer.password },
  });
  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(await ids('cluster=torn'), ['e1:1']);
});

test('a page of the largest size with the longest names is answered', async () => {
  const long = { ...stream, cluster: 'l'.repeat(200) };
  const name = (i: number) => `${String(i).padStart(4, '0')}${'n'.repeat(249)}`;
  const versions = Array.from({ length: 500 }, (_, i) =>
    version(1 + i, { op: 'created', name: name(i), namespace: 's'.repeat(63) }),
  );
  const again = versions.map((row) => ({
    ...row,
    sequence: row.sequence + 500,
    op: 'modified' as const,
    paths: ['/x'],
  }));
  await api.record(batch([1, 1000], { versions: [...versions, ...again] }, long));
  const { status, body } = await api.get(`log?cluster=${long.cluster}&limit=500`);
  assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
  assert.equal((body as { items: ApiChange[] }).items.length, 500);
});

test('evidence that was on the object before does not approve what somebody does later', async () => {
  const hotfix = { ...stream, cluster: 'hotfix' };
  await api.record(
    batch(
      [1, 2],
      {
        versions: [
          version(1, { op: 'created', object: deployment('web', 1, approved) }),
          version(2, { object: deployment('web', 9, approved), paths: ['/spec/replicas'] }),
        ],
      },
      hotfix,
    ),
  );
  const states = (await log('cluster=hotfix')).map(({ approval }) => approval.map(({ state }) => state));
  assert.deepEqual(states, [['earlier'], ['claimed']]);
});
