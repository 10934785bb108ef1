import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openWatch, type WatchEvent } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { configMapOf } from './objects.ts';

const brief = (event: WatchEvent) => `${event.type} ${event.object['metadata']!['name']}`;
const merge = { method: 'PATCH', contentType: 'application/merge-patch+json' };

export const watchContract = ({ cluster, namespace }: Contract): void => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const version = async () => String((await call(cluster(), `${path}?limit=1`)).body['metadata']!['resourceVersion']);

  test('a watch goes on from a list: every change, once, in order', async () => {
    const from = await version();
    const create = await call(cluster(), path, { method: 'POST', body: configMapOf('seen', { a: '1' }) });
    for (const a of ['2', '3']) await call(cluster(), `${path}/seen`, { ...merge, body: { data: { a } } });
    await call(cluster(), `${path}/seen`, { method: 'DELETE' });
    const watch = await openWatch(cluster(), path, { resourceVersion: from });
    const events = await watch.until(
      (event) => event.type === 'DELETED' && event.object['metadata']!['name'] === 'seen',
    );
    watch.close();
    const mine = events.filter((event) => event.object['metadata']!['name'] === 'seen');
    assert.deepEqual(mine.map(brief), ['ADDED seen', 'MODIFIED seen', 'MODIFIED seen', 'DELETED seen']);
    assert.deepEqual(
      mine.map((event) => event.object['data']!['a']),
      ['1', '2', '3', '3'],
    );
    const versions = mine.map((event) => Number(event.object['metadata']!['resourceVersion']));
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(versions).size, 4);
    assert.equal(String(versions[0]), create.body['metadata']!['resourceVersion']);
    assert.equal(mine[0]!.object['kind'], 'ConfigMap');
  });

  test('a watch without a version starts with what is there', async () => {
    await call(cluster(), path, { method: 'POST', body: configMapOf('start') });
    const watch = await openWatch(cluster(), path, { fieldSelector: 'metadata.name=start' });
    assert.equal(brief((await watch.next())!), 'ADDED start');
    watch.close();
  });

  test('an object enters and leaves a selector as ADDED and DELETED', async () => {
    const watch = await openWatch(cluster(), path, { resourceVersion: await version(), labelSelector: 'on=yes' });
    await call(cluster(), path, { method: 'POST', body: configMapOf('moving') });
    await call(cluster(), `${path}/moving`, { ...merge, body: { metadata: { labels: { on: 'yes' } } } });
    const left = await call(cluster(), `${path}/moving`, { ...merge, body: { metadata: { labels: { on: 'no' } } } });
    assert.equal(brief((await watch.next())!), 'ADDED moving');
    const gone = (await watch.next())!;
    watch.close();
    assert.equal(brief(gone), 'DELETED moving');
    assert.equal(gone.object['metadata']!['resourceVersion'], left.body['metadata']!['resourceVersion']);
  });

  test('sendInitialEvents: the state, then a bookmark that says so, then changes', async () => {
    await call(cluster(), path, { method: 'POST', body: configMapOf('initial', {}, { streamed: 'yes' }) });
    const query = {
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
      labelSelector: 'streamed=yes',
    };
    const watch = await openWatch(cluster(), path, query);
    const events = await watch.until((event) => event.type === 'BOOKMARK');
    assert.deepEqual(
      events.map((event) => event.type),
      ['ADDED', 'BOOKMARK'],
    );
    const bookmark = events.at(-1)!.object;
    assert.equal(bookmark['metadata']!['annotations']!['k8s.io/initial-events-end'], 'true');
    assert.equal(bookmark['kind'], 'ConfigMap');
    assert.match(String(bookmark['metadata']!['resourceVersion']), /^\d+$/);
    await call(cluster(), `${path}/initial`, { ...merge, body: { data: { a: '1' } } });
    const [change] = await watch.until((event) => event.type !== 'BOOKMARK');
    assert.equal(brief(change!), 'MODIFIED initial');
    watch.close();
  });

  test('sendInitialEvents without its match is 422', async () => {
    const answer = await call(cluster(), `${path}?watch=true&sendInitialEvents=true`);
    assert.deepEqual([answer.status, answer.body['reason']], [422, 'Invalid']);
  });

  test('a watch ends after timeoutSeconds, and bookmarks never go back', async () => {
    const started = Date.now();
    const from = await version();
    const watch = await openWatch(cluster(), path, {
      resourceVersion: from,
      timeoutSeconds: '3',
      allowWatchBookmarks: 'true',
    });
    const bookmarks: WatchEvent[] = [];
    for (let event = await watch.next(); event !== undefined; event = await watch.next()) bookmarks.push(event);
    const elapsedMs = Date.now() - started;
    assert.ok(elapsedMs > 2000 && elapsedMs < 40_000, `${elapsedMs} ms`);
    assert.ok(bookmarks.every((event) => event.type === 'BOOKMARK'));
    for (const event of bookmarks) assert.ok(Number(event.object['metadata']!['resourceVersion']) >= Number(from));
  });

  test('a version older than the window is 410, as an ERROR event or as the answer', async (t) => {
    const { expireHistory } = cluster();
    if (expireHistory === undefined) return t.skip('SKIPPED: this cluster cannot be told to forget its history');
    const from = await version();
    await call(cluster(), path, { method: 'POST', body: configMapOf('after') });
    await expireHistory();
    const watch = await openWatch(cluster(), path, { resourceVersion: from });
    const event = await watch.next();
    watch.close();
    const code = watch.status === 410 ? 410 : event?.object['code'];
    assert.equal(code, 410);
    if (watch.status === 200)
      assert.deepEqual([event!.type, event!.object['kind'], event!.object['reason']], ['ERROR', 'Status', 'Expired']);
  });
};
