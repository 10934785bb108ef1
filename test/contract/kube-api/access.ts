import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, type Loose } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { eventually } from './deletion.ts';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

/** `path resource` of every kind of an aggregated group that can be listed. */
const listable = (group: Loose): string[] =>
  [...group['versions']].flatMap((version: Loose) => {
    const name = group['metadata']['name'];
    const path = name === undefined ? `/api/${version['version']}` : `/apis/${name}/${version['version']}`;
    const kinds = [...version['resources']].filter((resource: Loose) => resource['verbs'].includes('list'));
    return kinds.map((resource: Loose) => `${path} ${resource['resource']}`);
  });

export const accessContract = ({ cluster, namespace }: Contract): void => {
  test('health and version answer', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) assert.equal((await call(cluster(), path)).text, 'ok');
    const version = await call(cluster(), '/version');
    assert.match(String(version.body['gitVersion']), /^v1\.\d+/);
  });

  test('legacy and aggregated discovery name the same listable kinds', async () => {
    const legacy = new Set<string>();
    const groups = await call(cluster(), '/apis');
    const paths = [
      '/api/v1',
      ...[...groups.body['groups']!].flatMap((group) =>
        [...group['versions']!].map((version) => `/apis/${version['groupVersion']}`),
      ),
    ];
    for (const path of paths) {
      const list = await call(cluster(), path);
      assert.equal(list.body['kind'], 'APIResourceList', path);
      for (const resource of list.body['resources']!) {
        if (resource['verbs']!.includes('list') && !String(resource['name']).includes('/'))
          legacy.add(`${path} ${resource['name']}`);
      }
    }
    const found = new Set<string>();
    for (const root of ['/api', '/apis']) {
      const list = await call(cluster(), root, { accept: aggregated });
      assert.match(String(list.headers['content-type']), /as=APIGroupDiscoveryList/);
      for (const group of list.body['items']) for (const name of listable(group)) found.add(name);
    }
    assert.deepEqual([...found].sort(), [...legacy].sort());
    assert.ok(found.has('/apis/apps/v1 deployments') && found.has('/api/v1 pods'));
  });

  test('a wrong token is refused with a Status', async () => {
    const answer = await call(cluster(), '/api/v1/namespaces', { token: 'not-a-token' });
    assert.equal(answer.status, 401);
    assert.equal(answer.body['reason'], 'Unauthorized');
  });

  test('what is not served is 404', async () => {
    assert.equal((await call(cluster(), '/apis/example.invalid/v1/things')).status, 404);
    assert.equal((await call(cluster(), '/nothing')).status, 404);
    const missing = await call(cluster(), `/api/v1/namespaces/${namespace}/configmaps/missing`);
    assert.equal(missing.status, 404);
    assert.deepEqual(
      [missing.body['kind'], missing.body['reason'], missing.body['details']!['kind']],
      ['Status', 'NotFound', 'configmaps'],
    );
  });

  test('a read-only service account reads, and is denied every write', async () => {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const metadata = { name: 'reader' };
    assert.equal(
      (
        await call(cluster(), accounts, {
          method: 'POST',
          body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
        })
      ).status,
      201,
    );
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    };
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    assert.equal((await call(cluster(), bindings, { method: 'POST', body: binding })).status, 201);
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
    const issued = await call(cluster(), `${accounts}/reader/token`, { method: 'POST', body: request });
    assert.equal(issued.status, 201, issued.text);
    const token = String(issued.body['status']!['token']);
    const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
    // A real authoriser learns of the binding by its own watch.
    await eventually(async () => (await call(cluster(), configMaps, { token })).status === 200, 'the binding counts');
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'denied' } };
    const denied = await call(cluster(), configMaps, { token, method: 'POST', body });
    assert.equal(denied.status, 403);
    assert.equal(denied.body['reason'], 'Forbidden');
    assert.match(
      String(denied.body['message']),
      new RegExp(
        `User "system:serviceaccount:${namespace}:reader" cannot create resource "configmaps" in API group "" in the namespace "${namespace}"`,
      ),
    );
    assert.equal((await call(cluster(), `/api/v1/namespaces/${namespace}/secrets`, { token })).status, 403);
    const review = (verb: string) => ({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { namespace, verb, resource: 'pods' } },
    });
    for (const [verb, allowed] of [
      ['list', true],
      ['delete', false],
    ] as const) {
      const answer = await call(cluster(), '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        token,
        method: 'POST',
        body: review(verb),
      });
      assert.equal(answer.status, 201);
      assert.equal(answer.body['status']!['allowed'], allowed, verb);
    }
  });
};
