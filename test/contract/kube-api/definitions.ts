import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openWatch } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { eventually } from './deletion.ts';

export const definitionContract = ({ cluster, namespace }: Contract): void => {
  test('a definition brings its kind: discovery, objects, watches; and takes it away again', async () => {
    const group = `${namespace}.example.com`;
    const widget = {
      type: 'object',
      properties: { size: { type: 'integer' }, color: { type: 'string', default: 'red' } },
    };
    const versions = ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v2',
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: { spec: widget, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      },
      subresources: { status: {} },
    }));
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `widgets.${group}` },
      spec: { group, scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' }, versions },
    };
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    assert.equal((await call(cluster(), definitions, { method: 'POST', body: definition })).status, 201);
    const path = `/apis/${group}/v2/namespaces/${namespace}/widgets`;
    await eventually(async () => (await call(cluster(), path)).status === 200, 'the kind is served');
    await eventually(
      async () => (await call(cluster(), `/apis/${group}/v2`)).text.includes('widgets/status'),
      'the kind is discovered',
    );
    const groups = await call(cluster(), `/apis/${group}`);
    assert.equal(groups.body['preferredVersion']!['version'], 'v2');

    const body = {
      apiVersion: `${group}/v1`,
      kind: 'Widget',
      metadata: { name: 'w' },
      spec: { size: 1, unknown: true },
    };
    const created = await call(cluster(), path.replace('/v2/', '/v1/'), { method: 'POST', body });
    assert.equal(created.status, 201, created.text);
    assert.deepEqual(created.body['spec'], { size: 1, color: 'red' });
    const list = await call(cluster(), path);
    assert.deepEqual(
      [list.body['kind'], list.body['items']![0]!['kind'], list.body['items']![0]!['apiVersion']],
      ['WidgetList', 'Widget', `${group}/v2`],
    );
    const wrong = await call(cluster(), path, {
      method: 'POST',
      body: { ...body, apiVersion: `${group}/v2`, metadata: { name: 'x' }, spec: { size: 'big' } },
    });
    assert.equal(wrong.status, 422);
    const watch = await openWatch(cluster(), path, {
      resourceVersion: String(list.body['metadata']!['resourceVersion']),
    });
    await call(cluster(), `${path}/w`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { spec: { size: 2 } },
    });
    const [event] = await watch.until((candidate) => candidate.type === 'MODIFIED');
    assert.equal(event!.object['metadata']!['generation'], 2);

    await call(cluster(), `${definitions}/widgets.${group}`, { method: 'DELETE' });
    await watch.until((candidate) => candidate.type === 'DELETED');
    watch.close();
    await eventually(async () => (await call(cluster(), path)).status === 404, 'the kind is gone');
  });
};
