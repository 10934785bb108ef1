import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, type ContractCluster, openWatch } from '../../contract/kube-client.ts';
import {
  createPracticeClock,
  openPracticeCluster,
  type PracticeCluster,
  type PracticeClusterOptions,
} from './index.ts';

const path = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

const withCluster = async (
  options: PracticeClusterOptions,
  run: (cluster: PracticeCluster, target: ContractCluster) => Promise<void>,
) => {
  const cluster = await openPracticeCluster(options);
  try {
    await run(cluster, {
      url: cluster.url,
      token: cluster.adminToken,
      ...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
      close: async () => undefined,
    });
  } finally {
    await cluster.stop();
  }
};

describe('practice cluster hooks', () => {
  test('planned failures answer as often as planned, with Retry-After, and only where they match', () =>
    withCluster({ controllers: false }, async (cluster, target) => {
      cluster.fail({
        count: 2,
        status: 429,
        retryAfterSeconds: 7,
        matches: (attributes) => attributes.resource === 'configmaps',
      });
      assert.equal((await call(target, '/api/v1/namespaces')).status, 200);
      const first = await call(target, path);
      assert.deepEqual(
        [first.status, first.headers['retry-after'], first.body['reason']],
        [429, '7', 'TooManyRequests'],
      );
      assert.equal((await call(target, path)).status, 429);
      assert.equal((await call(target, path)).status, 200);
      cluster.fail({ status: 0 });
      await assert.rejects(call(target, path), { code: 'ECONNRESET' });
    }));

  test('a watch can be cut, ended, frozen and given a broken line', () =>
    withCluster({ controllers: false }, async (cluster, target) => {
      const from = String((await call(target, `${path}?limit=1`)).body['metadata']['resourceVersion']);
      const watch = await openWatch(target, path, { resourceVersion: from });
      cluster.freezeWatches(true);
      await call(target, path, { method: 'POST', body: configMap('frozen') });
      await assert.rejects(watch.next(200), /no watch event/);
      cluster.freezeWatches(false);
      const again = await openWatch(target, path, { resourceVersion: from });
      assert.equal((await again.next())!.object['metadata']['name'], 'frozen');
      assert.equal(cluster.injectRawWatchLine('configmaps', '{"type":"ADDED","object":{"half\n'), 2);
      await assert.rejects(again.next(), SyntaxError);
      const ended = await openWatch(target, path, { resourceVersion: String(cluster.store.revision) });
      cluster.endWatches('configmaps');
      assert.equal(await ended.next(), undefined);
      assert.ok(cluster.cutConnections() >= 0);
    }));

  test('a watcher that falls behind the window gets 410, not a hole', () =>
    withCluster({ controllers: false, watchWindowChanges: 10 }, async (cluster, target) => {
      const from = String(cluster.store.revision);
      const watch = await openWatch(target, path, { resourceVersion: from });
      cluster.freezeWatches(true);
      for (let index = 0; index < 40; index += 1)
        cluster.applyAs('admin', 'test/1', configMap('busy', { index: String(index) }));
      cluster.freezeWatches(false);
      const event = await watch.next();
      assert.deepEqual([event!.type, event!.object['code']], ['ERROR', 410]);
      assert.equal(await watch.next(), undefined);
    }));

  test('applyAs writes as somebody, through the audit log, with their manager', () =>
    withCluster({ controllers: false }, async (cluster) => {
      const object = cluster.applyAs('alice@example.com', 'kubectl/v1.36.0', configMap('mine', { a: '1' }));
      assert.equal(object.metadata.managedFields?.[0]?.manager, 'kubectl');
      const changed = cluster.applyAs('alice@example.com', 'kubectl/v1.36.0', configMap('mine', { a: '2' }));
      assert.equal(changed.metadata.uid, object.metadata.uid);
      assert.notEqual(changed.metadata.resourceVersion, object.metadata.resourceVersion);
    }));

  test('tokens expire by the cluster clock', async () => {
    const clock = createPracticeClock();
    await withCluster({ clock }, async (_cluster, target) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
      const answer = await call(target, '/api/v1/namespaces/default/serviceaccounts/default/token', {
        method: 'POST',
        body,
      });
      const token = String(answer.body['status']['token']);
      assert.equal((await call(target, '/apis', { token })).status, 200);
      clock.advance(601_000);
      assert.equal((await call(target, '/apis', { token })).status, 401);
    });
  });

  test('HTTPS with a certificate made for the occasion', () =>
    withCluster({ controllers: false, tls: 'generated' }, async (cluster, target) => {
      assert.match(cluster.url, /^https:/);
      assert.equal((await call(target, '/version')).status, 200);
      const { ca: _ca, ...untrusting } = target;
      await assert.rejects(call(untrusting, '/version'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    }));

  test('hostile keys are data like any other', () =>
    withCluster({ controllers: false }, async (_cluster, target) => {
      const text =
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"hostile"},"data":{"__proto__":"x","constructor":"y"}}';
      assert.equal((await call(target, path, { method: 'POST', body: text })).status, 201);
      const patch = {
        method: 'PATCH',
        contentType: 'application/strategic-merge-patch+json',
        body: '{"data":{"__proto__":"z"}}',
      };
      const changed = await call(target, `${path}/hostile`, patch);
      assert.deepEqual(Object.entries(changed.body['data']), [
        ['__proto__', 'z'],
        ['constructor', 'y'],
      ]);
      assert.equal(({} as { x?: string }).x, undefined);
    }));

  test('stories are listed and played over loopback, but not for a browser page', () =>
    withCluster({ world: 'company' }, async (cluster, target) => {
      const list = await call(target, '/practice/stories');
      assert.ok([...list.body['stories']].length >= 8);
      const played = await call(target, '/practice/stories/open-ingress', { method: 'POST' });
      assert.deepEqual(
        [...played.body['runs']].map((run) => run['error']),
        [undefined],
      );
      assert.ok(cluster.store.get('ingresses.networking.k8s.io', 'internal-tools', 'admin-panel') !== undefined);
      assert.equal((await call(target, '/practice/stories/none', { method: 'POST' })).status, 404);
      const page = await fetch(`${cluster.url}/practice/stories/open-ingress`, {
        method: 'POST',
        headers: { origin: 'https://example.com' },
      });
      assert.equal(page.status, 403);
    }));
});
