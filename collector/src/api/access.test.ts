import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ApiChange, ApiError, ApiStatus } from '@driftline/proto';
import { openTimelineReader } from '../timeline/reader/timeline-reader.ts';
import { batch, coverage, gap, link, posture, stream, transition, version } from './testing/rows.ts';
import { openTestApi, readerToken, type TestApi } from './testing/open-test-api.ts';

const otherToken = 'reader-of-another-tenant';
const eastToken = 'reader-of-east-and-no-other';
const agentToken = 'agent-token-may-not-read';
const hostile = `'); DROP TABLE links; --\\ {x:String} "\t\u0000\u2028😀`;
let api: TestApi;

before(async () => {
  api = await openTestApi({
    tokens: [
      { token: readerToken, role: 'reader' },
      { token: otherToken, tenant: 'other', role: 'reader' },
      { token: eastToken, cluster: 'east', role: 'reader' },
      { token: agentToken, cluster: 'east', role: 'agent' },
    ],
  });
  const rows = {
    versions: [
      version(1, { op: 'created' }),
      version(2, { paths: ['/x'] }),
      version(2, {
        name: hostile,
        namespace: hostile,
        paths: ['/x'],
        object: { metadata: { labels: { __proto__: 'x' } } },
      }),
    ],
    coverage: [coverage(1), coverage(2, { resource: hostile, kind: hostile, group: hostile })],
    gaps: [gap(2)],
    links: [link(2, 2), link(2, 2, { name: hostile, namespace: hostile, user: hostile })],
    transitions: [
      transition(2),
      transition(2, { index: 1, name: hostile, namespace: hostile, path: hostile, findingId: 'h' }),
    ],
    posture: [posture(2), posture(2, { scope: `namespace:${hostile}` })],
  };
  await api.record(
    batch([1, 2], rows),
    batch(
      [1, 2],
      { ...rows, coverage: [...rows.coverage, coverage(1, { group: 'west.io', resource: 'tunnels', kind: 'Tunnel' })] },
      { ...stream, cluster: 'west' },
    ),
    batch(
      [1, 2],
      { coverage: [coverage(1, { group: 'theirs.io', resource: 'things', kind: 'Thing' })] },
      { ...stream, tenant: 'other', cluster: 'theirs' },
    ),
  );
  api.connected.push({
    tenant: 'default',
    cluster: 'east',
    epoch: 'e1',
    agentVersion: '',
    kubernetesVersion: '',
    lastSequence: 2,
    spoolBytes: 0,
  });
});
after(() => api.close());

const operations = [
  'log',
  'findings',
  'objects?kind=deploy',
  'records?cluster=east',
  'grants',
  'score',
  'score/history',
  'score/regressions',
  'status',
];
const codeOf = (body: unknown) => (body as ApiError).error.code;

test('no operation answers without a token, with a wrong one, or with an agent’s', async () => {
  for (const operation of operations) {
    const bare = await fetch(`${api.url}/api/v1/${operation}`);
    assert.equal(bare.status, 401, operation);
    assert.equal(bare.headers.get('www-authenticate'), 'Bearer');
    for (const token of ['wrong', `${readerToken}x`, agentToken, '__proto__']) {
      const { status, body } = await api.get(operation, token);
      assert.deepEqual([status, codeOf(body)], [401, 'unauthenticated'], `${operation} ${token}`);
    }
    const basic = await fetch(`${api.url}/api/v1/${operation}`, { headers: { authorization: `Basic ${readerToken}` } });
    assert.equal(basic.status, 401);
  }
});

test('a token of another tenant sees nothing of this one, not even the names of its kinds', async () => {
  for (const query of [
    'log',
    'log?snapshots=true&cluster=east',
    'findings?state=all',
    'score',
    'log?user=alice@example.com',
    'records?cluster=east',
    'records?cluster=east&type=transition',
    'records?cluster=east&type=coverage',
  ])
    assert.deepEqual(await api.all(query, otherToken), [], query);
  assert.equal((await api.get('objects?kind=deploy', otherToken)).status, 404);
  assert.equal((await api.get('objects?kind=things', readerToken)).status, 404);
  const status = (await api.get('status', otherToken)).body as ApiStatus;
  assert.deepEqual(
    [status.agents.map(({ cluster }) => cluster), status.gaps, status.coverage.length],
    [['theirs'], [], 1],
  );
});

test('the position of one tenant’s cursor shows another tenant nothing', async () => {
  const page = (await api.get('log?limit=1')).body as { next: string };
  assert.deepEqual(await api.all(`log?limit=1&cursor=${page.next}`, otherToken), []);
});

test('a token for one cluster is answered about that cluster only', async () => {
  const clusters = new Set((await api.all<ApiChange>('log', eastToken)).map(({ object }) => object.cluster));
  assert.deepEqual([...clusters], ['east']);
  const { status, body } = await api.get('log?cluster=west', eastToken);
  assert.deepEqual([status, codeOf(body)], [403, 'forbidden']);
  assert.equal((await api.get('status', eastToken)).status, 200);
});

test('a token for one cluster does not learn which kinds another one has', async () => {
  assert.equal((await api.get('objects?kind=tunnels')).status, 200);
  const { status, body } = await api.get('objects?kind=tunnels', eastToken);
  assert.deepEqual([status, codeOf(body)], [404, 'not-found']);
});

test('a wrong question is refused by name, never answered more widely', async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['log?clustre=east', /no parameter 'clustre'.*cluster/],
    ['log?__proto__=x', /no parameter '__proto__'/],
    ['log?cluster=east&cluster=west', /cluster: given more than once/],
    ['log?since=yesterday', /since: not an RFC 3339 moment/],
    ['log?since=2026-13-45T00:00:00Z', /since/],
    ['log?until=1960-01-01T00:00:00Z', /until: outside/],
    ['log?until=9999-01-01T00:00:00Z', /until: outside/],
    ['log?limit=0', /limit/],
    ['log?limit=501', /limit/],
    ['log?limit=1e2x', /limit/],
    ['log?origin=aliens', /origin: one of/],
    ['log?snapshots=yes', /snapshots/],
    ['log?selector=a=b=c', /selector: 'a=b=c'/],
    ['log?selector=app%20in%20(a', /selector/],
    [`log?name=${'x'.repeat(1025)}`, /name: longer than 1024/],
    ['findings?state=new', /state: one of/],
    ['findings?severity=urgent', /severity/],
    ['objects', /kind: required/],
    ['objects?kind=', /kind: required/],
    ['status?limit=1', /no parameter 'limit'/],
  ];
  for (const [query, message] of wrong) {
    const { status, body } = await api.get(query);
    assert.equal(status, 400, query);
    assert.equal(codeOf(body), 'bad-request', query);
    assert.match((body as ApiError).error.message, message, query);
  }
  for (const kind of ['unicorns', 'deployments.example.com', '__proto__', 'constructor', "'; --"])
    assert.equal((await api.get(`objects?kind=${encodeURIComponent(kind)}`)).status, 404, kind);
});

test('a cursor that was not given out is refused, whatever is in it', async () => {
  const forge = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = [
    'x',
    'bnVsbA',
    forge({}),
    forge([1]),
    forge([-1, 'a', 0, 0, 0]),
    forge([1.5, 'a', 0, 0, 0]),
    forge([1e300, 'a', 0, 0, 0]),
    forge(['1', 'a', 0, 0, 0]),
    forge([1, 'a', 0, 0, 0, 0]),
    forge([1, ['a'], 0, 0, 0]),
    '9'.repeat(8_193),
  ];
  for (const cursor of forged) assert.equal((await api.get(`log?cursor=${cursor}`)).status, 400, cursor.slice(0, 40));
  const largest = Number.MAX_SAFE_INTEGER;
  for (const text of ['a', hostile]) {
    assert.equal((await api.get(`log?cursor=${forge([largest, text, largest, largest, largest])}`)).status, 200);
    assert.equal((await api.get(`objects?kind=deploy&cursor=${forge([text, text, text])}`)).status, 200);
    assert.equal((await api.get(`findings?cursor=${forge([largest, ...Array(7).fill(text)])}`)).status, 200);
  }
});

test('text in a filter is only ever text', async () => {
  // A parameter that were not bound would take any of the first few for SQL: they come in every way that there is. All
  // texts are formatted by one function, which meets the others twice.
  const everyWay = [hostile, "' OR 1=1 --", '\\', '{tenant:String}'];
  const texts = [...everyWay, '\\N', '\\\\', '%', '\u0000', '\n', '\ud800', '__proto__', '"', '`'];
  for (const text of texts) {
    const value = encodeURIComponent(text.toWellFormed());
    const isOurs = text === hostile;
    for (const name of everyWay.includes(text) ? ['namespace', 'name', 'user'] : ['name']) {
      const found = await api.all<ApiChange>(`log?cluster=east&${name}=${value}`);
      assert.deepEqual(
        found.map(({ object }) => object.name),
        isOurs ? [hostile] : [],
        `${name}=${JSON.stringify(text)}`,
      );
    }
    assert.equal((await api.all(`findings?cluster=east&name=${value}`)).length, isOurs ? 1 : 0);
    if (!everyWay.includes(text)) continue;
    for (const query of [`log?cluster=${value}`, `score?cluster=${value}`])
      assert.deepEqual(await api.all(query), [], query);
    assert.equal((await api.get(`findings?control=${value}`)).status, 404);
    assert.equal((await api.all(`score?cluster=east&namespace=${value}`)).length, isOurs ? 1 : 0);
    assert.equal((await api.get(`status?cluster=${value}`)).status, 200);
  }
  assert.equal((await api.all('log')).length, 6, 'and everything is still there');
});

test('hostile names page like others', async () => {
  const whole = await api.all('findings?limit=500');
  assert.equal(whole.length, 4);
  assert.deepEqual(await api.all('findings?limit=1'), whole);
  const objects = await api.all('objects?kind=deploy&limit=500');
  assert.equal(objects.length, 4);
  assert.deepEqual(await api.all('objects?kind=deploy&limit=1'), objects);
});

test('a store that is away is a 503 that says to try again, and the API stays up', async () => {
  const away = await openTestApi({
    reader: openTimelineReader({ ...api.timeline.connection, url: 'http://127.0.0.1:9' }),
  });
  for (const operation of operations) {
    const { status, body } = await away.get(operation);
    assert.deepEqual([status, codeOf(body)], [503, 'store-unavailable'], operation);
  }
  assert.equal((await fetch(`${away.url}/healthz`)).status, 200);
  await away.close();
});

test('paths, methods and health that are not about any cluster', async () => {
  assert.equal((await api.get('nothing')).status, 404);
  const post = await fetch(`${api.url}/api/v1/log`, { method: 'POST', body: 'x' });
  assert.ok([404, 415].includes(post.status), String(post.status));
  for (const path of ['healthz', 'readyz', 'metrics', 'openapi.json'])
    assert.equal((await fetch(`${api.url}/${path}`)).status, 200, path);
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as { paths: Record<string, unknown> };
  assert.deepEqual(
    Object.keys(document.paths),
    [
      'log',
      'findings',
      'exceptions',
      'objects',
      'records',
      'grants',
      'score',
      'score/history',
      'score/regressions',
      'status',
    ].map((path) => `/api/v1/${path}`),
  );
});
