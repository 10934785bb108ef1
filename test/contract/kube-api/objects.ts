import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';

export const deploymentOf = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          {
            name: 'web',
            image: 'registry.example/web:1',
            ports: [{ containerPort: 8080 }],
            env: [{ name: 'A', value: '1' }],
          },
          { name: 'side', image: 'registry.example/side:1' },
        ],
      },
    },
  },
});

export const configMapOf = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});

export const objectContract = ({ cluster, namespace }: Contract): void => {
  const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;

  test('create gives identity, version and defaults; get gives the same object', async () => {
    const created = await call(cluster(), `${deployments}?fieldManager=contract`, {
      method: 'POST',
      body: deploymentOf('identity'),
    });
    assert.equal(created.status, 201, created.text);
    const { metadata, spec } = created.body as unknown as {
      metadata: Record<string, unknown>;
      spec: Record<string, unknown>;
    };
    assert.match(String(metadata['uid']), /^[0-9a-f-]{36}$/);
    assert.match(String(metadata['resourceVersion']), /^\d+$/);
    assert.match(String(metadata['creationTimestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual([metadata['generation'], metadata['namespace']], [1, namespace]);
    assert.deepEqual([spec['revisionHistoryLimit'], spec['progressDeadlineSeconds']], [10, 600]);
    const got = await call(cluster(), `${deployments}/identity`);
    assert.equal(got.body['metadata']!['uid'], metadata['uid']);
  });

  test('generateName makes distinct names', async () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } };
    const names = new Set<string>();
    for (let index = 0; index < 3; index += 1)
      names.add(String((await call(cluster(), configMaps, { method: 'POST', body })).body['metadata']!['name']));
    assert.equal(names.size, 3);
    for (const name of names) assert.match(name, /^made-[a-z0-9]{5}$/);
  });

  test('creates that cannot be say why', async () => {
    const cases: readonly (readonly [unknown, string, number, string])[] = [
      [configMapOf('twice'), configMaps, 409, 'AlreadyExists'],
      [configMapOf('Bad_Name'), configMaps, 422, 'Invalid'],
      [{ ...configMapOf('wrong'), kind: 'Pod' }, configMaps, 400, 'BadRequest'],
      ['{half', configMaps, 400, 'BadRequest'],
      [configMapOf('nowhere'), '/api/v1/namespaces/no-such-namespace/configmaps', 404, 'NotFound'],
    ];
    await call(cluster(), configMaps, { method: 'POST', body: configMapOf('twice') });
    for (const [body, path, status, reason] of cases) {
      const answer = await call(cluster(), path, { method: 'POST', body });
      assert.deepEqual(
        [answer.status, answer.body['kind'], answer.body['reason']],
        [status, 'Status', reason],
        JSON.stringify(body),
      );
    }
  });

  test('strict field validation refuses unknown and duplicate fields; a warning is the default', async () => {
    const text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"strict"},"foo":1,"data":{"a":"1","a":"2"}}';
    const strict = await call(cluster(), `${configMaps}?fieldValidation=Strict`, { method: 'POST', body: text });
    assert.equal(strict.status, 400);
    assert.match(
      String(strict.body['message']),
      /strict decoding error: unknown field "foo", duplicate field "data\.a"/,
    );
    const warned = await call(cluster(), configMaps, { method: 'POST', body: text });
    assert.equal(warned.status, 201);
    assert.match(String(warned.headers['warning']), /unknown field/);
    assert.equal('foo' in warned.body, false);
  });

  test('an update with an old resourceVersion conflicts; one that changes nothing keeps the version', async () => {
    const created = await call(cluster(), configMaps, { method: 'POST', body: configMapOf('update', { a: '1' }) });
    const version = created.body['metadata']!['resourceVersion'];
    const changed = { ...created.body, data: { a: '2' } };
    const updated = await call(cluster(), `${configMaps}/update`, { method: 'PUT', body: changed });
    assert.equal(updated.status, 200, updated.text);
    assert.notEqual(updated.body['metadata']!['resourceVersion'], version);
    const stale = await call(cluster(), `${configMaps}/update`, { method: 'PUT', body: changed });
    assert.deepEqual([stale.status, stale.body['reason']], [409, 'Conflict']);
    const same = await call(cluster(), `${configMaps}/update`, { method: 'PUT', body: updated.body });
    assert.equal(same.body['metadata']!['resourceVersion'], updated.body['metadata']!['resourceVersion']);
  });

  test('managedFields say which manager set which field', async () => {
    const post = await call(cluster(), `${configMaps}?fieldManager=first`, {
      method: 'POST',
      body: configMapOf('managed', { a: '1', b: '1' }, { x: 'y' }),
    });
    const change = { ...post.body, data: { a: '2', c: '3' } };
    const put = await call(cluster(), `${configMaps}/managed?fieldManager=second`, { method: 'PUT', body: change });
    const owned = Object.fromEntries(
      [...put.body['metadata']!['managedFields']!].map((entry) => [
        entry['manager'],
        Object.keys(entry['fieldsV1']!['f:data'] ?? {}).filter((key) => key !== '.'),
      ]),
    );
    assert.deepEqual(owned, { first: [], second: ['f:a', 'f:c'] });
    const first = [...put.body['metadata']!['managedFields']!].find((entry) => entry['manager'] === 'first');
    assert.ok(first!['fieldsV1']!['f:metadata']!['f:labels']!['f:x'] !== undefined);
  });

  test('the default manager is the first part of the user agent', async () => {
    const post = await call(cluster(), configMaps, {
      method: 'POST',
      userAgent: 'robot/2.0 (test)',
      body: configMapOf('agent', { a: '1' }),
    });
    assert.deepEqual(
      [...post.body['metadata']!['managedFields']!].map((entry) => [entry['manager'], entry['operation']]),
      [['robot', 'Update']],
    );
  });

  test('dry run answers as if, and stores nothing', async () => {
    const answer = await call(cluster(), `${configMaps}?dryRun=All`, { method: 'POST', body: configMapOf('dry') });
    assert.equal(answer.status, 201);
    assert.equal((await call(cluster(), `${configMaps}/dry`)).status, 404);
    await call(cluster(), configMaps, { method: 'POST', body: configMapOf('wet', { a: '1' }) });
    const patch = { method: 'PATCH', contentType: 'application/merge-patch+json', body: { data: { a: '2' } } };
    assert.equal((await call(cluster(), `${configMaps}/wet?dryRun=All`, patch)).body['data']!['a'], '2');
    assert.equal((await call(cluster(), `${configMaps}/wet`)).body['data']!['a'], '1');
    await call(cluster(), `${configMaps}/wet?dryRun=All`, { method: 'DELETE' });
    assert.equal((await call(cluster(), `${configMaps}/wet`)).status, 200);
  });

  test('status and scale are written through their own paths', async () => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'status' },
      spec: {
        serviceAccountName: 'none',
        automountServiceAccountToken: false,
        schedulerName: 'nobody',
        containers: [{ name: 'a', image: 'a' }],
      },
      status: { phase: 'Failed' },
    };
    await call(cluster(), `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'none' } },
    });
    const created = await call(cluster(), pods, { method: 'POST', body: pod });
    assert.equal(created.status, 201, created.text);
    assert.equal(created.body['status']!['phase'], 'Pending');
    const merge = { method: 'PATCH', contentType: 'application/merge-patch+json' };
    const viaStatus = await call(cluster(), `${pods}/status/status`, {
      ...merge,
      body: { status: { message: 'seen' }, spec: { activeDeadlineSeconds: 5 } },
    });
    assert.deepEqual(
      [viaStatus.body['status']!['message'], viaStatus.body['spec']!['activeDeadlineSeconds']],
      ['seen', undefined],
    );
    await call(cluster(), deployments, { method: 'POST', body: deploymentOf('scaled') });
    const scaled = await call(cluster(), `${deployments}/scaled/scale`, { ...merge, body: { spec: { replicas: 0 } } });
    assert.deepEqual([scaled.body['kind'], scaled.body['apiVersion']], ['Scale', 'autoscaling/v1']);
    assert.equal((await call(cluster(), `${deployments}/scaled`)).body['spec']!['replicas'], 0);
  });
};
