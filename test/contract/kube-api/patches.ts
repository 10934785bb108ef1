import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, type Loose } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { configMapOf, deploymentOf } from './objects.ts';

const types = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const lastAppliedKey = 'kubectl.kubernetes.io/last-applied-configuration';

const containers = (deployment: Loose) => [...deployment['spec']!['template']!['spec']!['containers']!];

export const patchContract = ({ cluster, namespace }: Contract): void => {
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
  const patch = (path: string, type: keyof typeof types, body: unknown) =>
    call(cluster(), path, { method: 'PATCH', contentType: types[type], body });

  test('JSON patch changes by path; a failed test and a missing path are refused', async () => {
    await call(cluster(), configMaps, {
      method: 'POST',
      body: {
        ...configMapOf('json', { a: '1', b: '2' }),
        metadata: { name: 'json', annotations: { 'example.com/c': '3' } },
      },
    });
    const changed = await patch(`${configMaps}/json`, 'json', [
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'replace', path: '/data/a', value: '9' },
      { op: 'remove', path: '/metadata/annotations/example.com~1c' },
    ]);
    assert.deepEqual(changed.body['data'], { a: '9', b: '2' });
    assert.equal(changed.body['metadata']!['annotations'], undefined);
    for (const operation of [
      { op: 'test', path: '/data/a', value: 'no' },
      { op: 'remove', path: '/data/none' },
    ]) {
      assert.equal((await patch(`${configMaps}/json`, 'json', [operation])).status, 422);
    }
  });

  test('a merge patch replaces lists and removes by null', async () => {
    await call(cluster(), deployments, { method: 'POST', body: deploymentOf('merged') });
    const one = [{ name: 'only', image: 'registry.example/only:1' }];
    const merged = await patch(`${deployments}/merged`, 'merge', {
      metadata: { labels: { app: null } },
      spec: { template: { spec: { containers: one } } },
    });
    assert.deepEqual(
      containers(merged.body).map((item) => item['name']),
      ['only'],
    );
    assert.equal(merged.body['metadata']!['labels'], undefined);
    assert.equal(merged.body['metadata']!['generation'], 2);
  });

  test('a strategic merge patch merges lists by their key', async () => {
    await call(cluster(), deployments, { method: 'POST', body: deploymentOf('strategic') });
    const spec = { containers: [{ name: 'web', image: 'registry.example/web:2', env: [{ name: 'B', value: '2' }] }] };
    const merged = await patch(`${deployments}/strategic`, 'strategic', { spec: { template: { spec } } });
    const web = containers(merged.body).find((item) => item['name'] === 'web')!;
    assert.equal(containers(merged.body).length, 2);
    assert.equal(web['image'], 'registry.example/web:2');
    assert.deepEqual([...web['env']!].map((item) => String(item['name'])).sort(), ['A', 'B']);
    const dropped = await patch(`${deployments}/strategic`, 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } },
    });
    assert.deepEqual(
      containers(dropped.body).map((item) => item['name']),
      ['web'],
    );
  });

  test('a patch with an old resourceVersion conflicts; an unknown patch type is 415', async () => {
    const { body } = await call(cluster(), configMaps, { method: 'POST', body: configMapOf('guarded', { a: '1' }) });
    const resourceVersion = body['metadata']!['resourceVersion'];
    assert.equal(
      (await patch(`${configMaps}/guarded`, 'merge', { metadata: { resourceVersion }, data: { a: '2' } })).status,
      200,
    );
    assert.equal(
      (await patch(`${configMaps}/guarded`, 'merge', { metadata: { resourceVersion }, data: { a: '3' } })).status,
      409,
    );
    assert.equal(
      (await call(cluster(), `${configMaps}/guarded`, { method: 'PATCH', contentType: 'text/plain', body: '{}' }))
        .status,
      415,
    );
  });

  test('server-side apply creates, owns, conflicts, forces and removes', async () => {
    const apply = (manager: string, data: Record<string, string>, force = false) =>
      patch(`${configMaps}/applied?fieldManager=${manager}&force=${force}`, 'apply', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'applied' },
        data,
      });
    assert.equal((await apply('one', { a: '1', b: '1' })).status, 201);
    const second = await apply('two', { c: '2' });
    assert.deepEqual(second.body['data'], { a: '1', b: '1', c: '2' });
    const fought = await apply('two', { a: '2', c: '2' });
    assert.deepEqual([fought.status, fought.body['reason']], [409, 'Conflict']);
    assert.deepEqual(
      [...fought.body['details']!['causes']!].map((cause) => [cause['reason'], cause['field']]),
      [['FieldManagerConflict', '.data.a']],
    );
    const forced = await apply('two', { a: '2', c: '2' }, true);
    assert.equal(forced.body['data']!['a'], '2');
    const owners = Object.fromEntries(
      [...forced.body['metadata']!['managedFields']!].map((entry) => [
        entry['manager'],
        [entry['operation'], entry['fieldsV1']!['f:data']!],
      ]),
    );
    assert.deepEqual(owners, { one: ['Apply', { 'f:b': {} }], two: ['Apply', { 'f:a': {}, 'f:c': {} }] });
    const removed = await apply('two', { a: '2' });
    assert.deepEqual(removed.body['data'], { a: '2', b: '1' });
    const again = await apply('two', { a: '2' });
    assert.equal(again.body['metadata']!['resourceVersion'], removed.body['metadata']!['resourceVersion']);
  });

  test('server-side apply merges lists by key, and takes from update managers only by force', async () => {
    await call(cluster(), `${deployments}?fieldManager=creator`, { method: 'POST', body: deploymentOf('ssa') });
    const config = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'ssa' },
      spec: { template: { spec: { containers: [{ name: 'web', image: 'registry.example/web:9' }] } } },
    };
    const fought = await patch(`${deployments}/ssa?fieldManager=applier`, 'apply', config);
    assert.equal(fought.status, 409);
    assert.equal(fought.body['details']!['causes']![0]!['field'], '.spec.template.spec.containers[name="web"].image');
    const forced = await patch(`${deployments}/ssa?fieldManager=applier&force=true`, 'apply', config);
    assert.equal(forced.status, 200, forced.text);
    assert.deepEqual(
      containers(forced.body).map((item) => `${item['name']} ${item['image']}`),
      ['web registry.example/web:9', 'side registry.example/side:1'],
    );
    assert.equal((await patch(`${deployments}/ssa`, 'apply', config)).status, 422);
  });

  /** What kubectl does to an object of its client-side apply when it is told to apply on the server. */
  const migrate = async (collection: string, config: { metadata: { name: string } }) => {
    const { name } = config.metadata;
    const lastApplied = { [lastAppliedKey]: JSON.stringify(config) };
    const created = await call(cluster(), `${collection}?fieldManager=kubectl-client-side-apply`, {
      method: 'POST',
      body: { ...config, metadata: { ...config.metadata, annotations: lastApplied } },
    });
    assert.equal(created.status, 201, created.text);
    const apply = async (manager: string, body: unknown) => {
      const answer = await patch(`${collection}/${name}?fieldManager=${manager}&force=true`, 'apply', body);
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    await apply('kubectl', config);
    const { apiVersion, kind } = created.body;
    const { metadata } = await apply('kubectl-last-applied', {
      apiVersion,
      kind,
      metadata: { name, annotations: lastApplied },
    });
    const entries = [...metadata.managedFields];
    const clientSide = entries.find((entry) => entry.manager === 'kubectl-client-side-apply')!;
    const { 'f:annotations': _annotations, ...metadataFields } = clientSide.fieldsV1['f:metadata'];
    const value = [
      ...entries.filter((entry) => entry !== clientSide && entry.manager !== 'kubectl'),
      {
        ...clientSide,
        manager: 'kubectl',
        operation: 'Apply',
        fieldsV1: { ...clientSide.fieldsV1, 'f:metadata': metadataFields },
      },
    ];
    const migrated = await patch(`${collection}/${name}`, 'json', [
      { op: 'replace', path: '/metadata/managedFields', value },
      { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
    ]);
    assert.equal(migrated.status, 200, migrated.text);
    return { created: created.body, apply: (body: unknown) => apply('kubectl', body) };
  };

  test('what a client-side apply made can be applied on the server: only what nobody applies any more goes', async () => {
    const config = deploymentOf('migrated');
    config.spec.template.metadata.labels = { app: 'migrated', tier: 'front' } as { app: string };
    const { created, apply } = await migrate(deployments, config);
    const again = await apply(config);
    assert.deepEqual(again.spec, created.spec);
    assert.deepEqual(again.metadata.labels, { app: 'migrated' });
    assert.deepEqual(Object.keys(again.metadata.annotations).includes(lastAppliedKey), true);
    const fewer = deploymentOf('migrated');
    const web = { name: 'web', image: 'registry.example/web:2' };
    const changed = await apply({
      ...fewer,
      metadata: { name: 'migrated' },
      spec: {
        ...fewer.spec,
        template: { metadata: fewer.spec.template.metadata, spec: { containers: [web] } },
      },
    });
    assert.equal(changed.metadata.labels, undefined);
    assert.deepEqual(changed.spec.template.metadata.labels, { app: 'migrated' });
    const [only, ...others] = containers(changed);
    assert.deepEqual(
      [only.name, only.image, only.imagePullPolicy, only.env, only.ports, others.length],
      ['web', web.image, 'IfNotPresent', undefined, undefined, 0],
    );
  });

  test('the ports and the address that a Service was given stay its own when it is applied on the server', async () => {
    const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
    const config = (wanted: readonly object[]) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'migrated' },
      spec: { type: 'LoadBalancer', selector: { app: 'migrated' }, ports: wanted },
    });
    const { created, apply } = await migrate(`/api/v1/namespaces/${namespace}/services`, config(ports));
    const nodePort = Number(created.spec.ports[0].nodePort);
    assert.ok(nodePort >= 30_000 && nodePort <= 32_767, String(nodePort));
    assert.deepEqual((await apply(config(ports))).spec, created.spec);
    const moved = await apply(config([{ name: 'http', port: 81, targetPort: 8080 }]));
    assert.deepEqual([moved.spec.ports[0].port, moved.spec.ports[0].nodePort], [81, nodePort]);
    const more = await apply(config([...ports, { name: 'metrics', port: 9090 }]));
    const given = [...more.spec.ports].map((port) => [port.name, port.nodePort >= 30_000]);
    assert.deepEqual(given, [
      ['http', true],
      ['metrics', true],
    ]);
  });
};
