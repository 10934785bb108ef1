import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { call, type ContractCluster } from '../../contract/kube-client.ts';
import { openPracticeCluster, type PracticeCluster } from './index.ts';

let cluster: PracticeCluster;
let target: ContractCluster;
before(async () => {
  cluster = await openPracticeCluster({ controllers: false });
  target = {
    url: cluster.url,
    token: cluster.adminToken,
    ...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
    close: async () => undefined,
  };
});
after(() => cluster.stop());

const core = '/api/v1/namespaces/default';
const create = async (path: string, body: unknown) => {
  const answer = await call(target, path, { method: 'POST', body });
  const status = answer.body as { readonly kind?: string; readonly reason?: string; readonly message?: string };
  return { code: answer.status, kind: status.kind, reason: status.reason, message: status.message ?? '' };
};
const configMap = (name: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

test('a ConfigMap or a Secret of more than 1 MiB is invalid; one of 1 MiB is not', async () => {
  const mib = 1024 * 1024;
  assert.equal((await create(`${core}/configmaps`, configMap('full', { a: 'x'.repeat(mib) }))).code, 201);
  const over = await create(`${core}/configmaps`, configMap('over', { a: 'é'.repeat(mib / 2), b: 'x' }));
  assert.deepEqual([over.code, over.reason, over.kind], [422, 'Invalid', 'Status']);
  assert.match(over.message, /ConfigMap "over" is invalid: \[\]: Too long: may not be more than 1048576 bytes/);
  const secret = (name: string, bytes: number) => ({
    ...configMap(name, { a: Buffer.alloc(bytes).toString('base64') }),
    kind: 'Secret',
  });
  assert.equal((await create(`${core}/secrets`, secret('full', mib))).code, 201);
  assert.equal((await create(`${core}/secrets`, secret('over', mib + 1))).code, 422);
});

test('the store takes 1.5 MiB of an object, a request 3 MiB: more is 413 with a Status', async () => {
  const revision = (name: string, bytes: number) => ({
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { name, namespace: 'default' },
    revision: 1,
    data: { text: 'x'.repeat(bytes) },
  });
  const path = '/apis/apps/v1/namespaces/default/controllerrevisions';
  assert.equal((await create(path, revision('large', 1_500_000))).code, 201);
  const over = await create(path, revision('over', 1_600_000));
  assert.deepEqual([over.code, over.reason, over.kind], [413, 'RequestEntityTooLarge', 'Status']);
  const body = await create(path, revision('body', 3_200_000));
  assert.deepEqual([body.code, body.reason, body.kind], [413, 'RequestEntityTooLarge', 'Status']);
});

test('what is nested deeper than a decoder goes is a bad request, in bodies and by patches', async () => {
  const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
  const revision = (name: string, data: unknown) => ({
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { name, namespace: 'default' },
    revision: 1,
    data,
  });
  const path = '/apis/apps/v1/namespaces/default/controllerrevisions';
  assert.equal((await create(path, revision('deep', nested(400)))).code, 201);
  for (const levels of [600, 2_000]) {
    const over = await create(path, revision('deeper', nested(levels)));
    assert.deepEqual([over.code, over.reason, over.kind], [400, 'BadRequest', 'Status'], String(levels));
  }
  const answer = await call(target, `${path}/deep`, {
    method: 'PATCH',
    contentType: 'application/json-patch+json',
    body: [{ op: 'copy', from: '/data', path: `/data${'/a'.repeat(399)}` }],
  });
  assert.deepEqual([answer.status, (answer.body as { reason?: string }).reason], [400, 'BadRequest']);
});
