import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { configMapOf } from './objects.ts';

export const eventually = async (check: () => Promise<boolean>, what: string, withinMs = 120_000): Promise<void> => {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; ) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within ${withinMs} ms: ${what}`);
};

export const deletionContract = ({ cluster, namespace }: Contract): void => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;

  test('delete answers a Status with the uid, then 404', async () => {
    const created = await call(cluster(), path, { method: 'POST', body: configMapOf('gone') });
    const deleted = await call(cluster(), `${path}/gone`, { method: 'DELETE' });
    assert.deepEqual(
      [deleted.status, deleted.body['status'], deleted.body['details']!['uid']],
      [200, 'Success', created.body['metadata']!['uid']],
    );
    assert.equal((await call(cluster(), `${path}/gone`, { method: 'DELETE' })).status, 404);
  });

  test('preconditions guard a delete', async () => {
    await call(cluster(), path, { method: 'POST', body: configMapOf('kept') });
    const refused = await call(cluster(), `${path}/kept`, {
      method: 'DELETE',
      body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } },
    });
    assert.deepEqual([refused.status, refused.body['reason']], [409, 'Conflict']);
    assert.equal((await call(cluster(), `${path}/kept`)).status, 200);
  });

  test('a finalizer holds an object until it is taken away', async () => {
    const body = { ...configMapOf('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } };
    await call(cluster(), path, { method: 'POST', body });
    await call(cluster(), `${path}/held`, { method: 'DELETE' });
    const held = await call(cluster(), `${path}/held`);
    assert.match(String(held.body['metadata']!['deletionTimestamp']), /Z$/);
    const freed = await call(cluster(), `${path}/held`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    assert.equal(freed.status, 200, freed.text);
    assert.equal((await call(cluster(), `${path}/held`)).status, 404);
  });

  test('deletecollection takes what its selector chooses', async () => {
    for (const [name, group] of [
      ['c1', 'drop'],
      ['c2', 'drop'],
      ['c3', 'stay'],
    ] as const) {
      await call(cluster(), path, { method: 'POST', body: configMapOf(name, {}, { group }) });
    }
    assert.equal((await call(cluster(), `${path}?labelSelector=group%3Ddrop`, { method: 'DELETE' })).status, 200);
    const left = await call(cluster(), `${path}?labelSelector=group`);
    assert.deepEqual(
      [...left.body['items']!].map((item) => item['metadata']!['name']),
      ['c3'],
    );
  });

  test('dependents go after their owner', async () => {
    const owner = await call(cluster(), path, { method: 'POST', body: configMapOf('owner') });
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.body['metadata']!['uid'] },
    ];
    await call(cluster(), path, {
      method: 'POST',
      body: { ...configMapOf('dependent'), metadata: { name: 'dependent', ownerReferences } },
    });
    await call(cluster(), `${path}/owner?propagationPolicy=Background`, { method: 'DELETE' });
    await eventually(
      async () => (await call(cluster(), `${path}/dependent`)).status === 404,
      'the dependent is collected',
    );
  });

  test('a namespace takes its content with it, and takes nothing new while it goes', async () => {
    const name = `${namespace}-short`;
    await call(cluster(), '/api/v1/namespaces', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    });
    const inside = `/api/v1/namespaces/${name}/configmaps`;
    const body = { ...configMapOf('inside'), metadata: { name: 'inside', finalizers: ['example.com/hold'] } };
    await call(cluster(), inside, { method: 'POST', body });
    const deleted = await call(cluster(), `/api/v1/namespaces/${name}`, { method: 'DELETE' });
    assert.equal(deleted.body['status']!['phase'], 'Terminating');
    const refused = await call(cluster(), inside, { method: 'POST', body: configMapOf('late') });
    assert.equal(refused.status, 403);
    assert.match(String(refused.body['message']), /because it is being terminated/);
    await call(cluster(), `${inside}/inside`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await eventually(
      async () => (await call(cluster(), `/api/v1/namespaces/${name}`)).status === 404,
      'the namespace is gone',
    );
  });
};
