import type { ApiGrant, ApiGrants } from '@driftline/proto';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { runInProcess } from '../testing/run-in-process.ts';

const grant: ApiGrant = {
  cluster: 'east',
  subject: { kind: 'ServiceAccount', namespace: 'ci', name: 'deployer' },
  binding: { kind: 'RoleBinding', namespace: 'shop', name: 'deploy\u001b[2J' },
  role: { kind: 'ClusterRole', name: 'edit' },
  namespace: 'shop',
  rules: [],
  boundAt: '2026-01-01T00:00:00Z',
  isBuiltIn: false,
  use: 'partly-used',
  lastUsedAt: '2026-01-02T00:00:00.000000Z',
  uses: [{ verb: 'patch', resource: 'deployments.apps', requests: 2, lastUsedAt: '2026-01-02T00:00:00.000000Z' }],
  used: [{ verbs: ['patch'], resources: ['deployments.apps'] }],
  unused: [{ verbs: ['create', 'delete'], resources: ['deployments.apps', 'pods'] }],
  notObservable: [{ verbs: ['get'], resources: ['secrets'] }],
};

let answer: ApiGrants;
const asked: URLSearchParams[] = [];
const server = createServer((request, response) => {
  asked.push(new URL(request.url ?? '', 'http://collector').searchParams);
  response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
});
let url: string;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

async function grants(given: Partial<ApiGrants>, ...args: readonly string[]) {
  answer = {
    items: [grant],
    next: null,
    audited: [{ cluster: 'east', since: '2026-01-01T00:00:00Z', drops: 0 }],
    ...given,
  };
  asked.length = 0;
  return runInProcess(['grants', ...args], { DRIFTLINE_URL: url, DRIFTLINE_TOKEN: 'token' });
}

test('a table says who holds what, how far it was used, and what was not', async () => {
  const { status, out, err } = await grants({});
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /^SUBJECT +CLUSTER +NAMESPACE +BINDING +ROLE +USE +NOT USED +LAST USED/);
  assert.match(
    out,
    /\nServiceAccount ci\/deployer +east +shop +RoleBinding\/deploy\S+ +ClusterRole\/edit +partly-used +create,delete deployments\.apps,pods /,
  );
  assert.match(out, /\n1 grant, 1 not used in full/);
  assert.ok(!out.includes('\u001b'), 'names are not given to the terminal as they are');
});

test('wide shows each request and what the log says nothing of', async () => {
  const { out } = await grants({}, '-o', 'wide');
  assert.match(out, /\n {2}used {4}patch deployments\.apps: 2 requests, the last at 2026-01-02/);
  assert.match(out, /\n {2}unused {2}create,delete deployments\.apps,pods\n {2}no word get secrets\n/);
});

test('the gate holds for what was asked for, whatever is shown, and the question reaches the API', async () => {
  const run = await grants(
    {},
    '--fail-on-unused',
    '--subject',
    'ci/deployer',
    '-n',
    'shop',
    '--since',
    '2026-01-01T00:00:00Z',
  );
  assert.deepEqual([run.status, run.err], [1, 'driftline: there are grants that were not used: exit 1\n']);
  const [gate, list] = asked;
  assert.equal(gate?.get('unused'), 'true');
  assert.equal(list?.get('unused'), null);
  for (const question of [gate, list]) {
    assert.equal(question?.get('subject'), 'ci/deployer');
    assert.equal(question.get('namespace'), 'shop');
    assert.equal(question.get('since'), '2026-01-01T00:00:00Z');
  }
});

test('whoever reads that something is unused is told what the log did not see', async () => {
  const blind = await grants({ audited: [{ cluster: 'east', since: null, drops: 0 }] });
  assert.match(blind.err, /^driftline: east: no audit event is known of that time/);
  const drops = await grants({ audited: [{ cluster: 'east', since: '2026-01-01T00:00:00Z', drops: 2 }] }, '-o', 'json');
  assert.match(drops.err, /east: audit events were lost 2 times/);
  assert.equal((JSON.parse(drops.out) as { items: ApiGrant[] }).items.length, 1);
});

test('wrong usage is exit 2', async () => {
  assert.equal((await grants({}, 'deploy/web')).status, 2);
  assert.equal((await grants({}, '--since', 'soon')).status, 2);
});
