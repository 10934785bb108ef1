import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, type Loose } from '../kube-client.ts';
import type { Contract } from '../kube-api.ts';
import { configMapOf } from './objects.ts';

const names = (list: Loose): string[] => [...list['items']!].map((item) => String(item['metadata']!['name']));

export const collectionContract = ({ cluster, namespace }: Contract): void => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const selector = 'labelSelector=set%3Dpages';
  const fill = async (count: number, set: string) => {
    for (let index = 0; index < count; index += 1) {
      await call(cluster(), path, {
        method: 'POST',
        body: configMapOf(`${set}-${index}`, {}, { set, parity: index % 2 === 0 ? 'even' : 'odd' }),
      });
    }
  };

  test('a list read in pages is one moment, whatever is written in between', async () => {
    await fill(7, 'pages');
    const first = await call(cluster(), `${path}?limit=3&${selector}`);
    assert.equal(names(first.body).length, 3);
    const version = first.body['metadata']!['resourceVersion'];
    await call(cluster(), `${path}/pages-6`, { method: 'DELETE' });
    await call(cluster(), path, { method: 'POST', body: configMapOf('pages-55', {}, { set: 'pages' }) });
    const seen = names(first.body);
    let token = first.body['metadata']!['continue'];
    while (token !== undefined) {
      const page = await call(cluster(), `${path}?limit=3&${selector}&continue=${encodeURIComponent(token)}`);
      assert.equal(page.status, 200, page.text);
      assert.equal(page.body['metadata']!['resourceVersion'], version);
      seen.push(...names(page.body));
      token = page.body['metadata']!['continue'];
    }
    assert.deepEqual(
      seen,
      [0, 1, 2, 3, 4, 5, 6].map((index) => `pages-${index}`),
    );
  });

  test('items of a built-in kind do not repeat kind and apiVersion', async () => {
    const list = await call(cluster(), `${path}?limit=1`);
    assert.deepEqual(
      [list.body['kind'], list.body['apiVersion'], 'kind' in list.body['items']![0]!],
      ['ConfigMapList', 'v1', false],
    );
  });

  test('a continue token that is garbage is 400, one that is too old is 410 with a token to go on', async (t) => {
    assert.equal((await call(cluster(), `${path}?limit=1&continue=abc`)).status, 400);
    const { expireHistory } = cluster();
    if (expireHistory === undefined) return t.skip('SKIPPED: this cluster cannot be told to forget its history');
    await fill(3, 'old');
    const first = await call(cluster(), `${path}?limit=1`);
    await fill(3, 'newer');
    await expireHistory();
    const late = await call(
      cluster(),
      `${path}?limit=500&continue=${encodeURIComponent(first.body['metadata']!['continue']!)}`,
    );
    assert.deepEqual([late.status, late.body['reason']], [410, 'Expired']);
    const offered = String(late.body['metadata']!['continue']);
    const rest = await call(cluster(), `${path}?limit=500&continue=${encodeURIComponent(offered)}`);
    assert.equal(rest.status, 200, rest.text);
    assert.ok(names(rest.body).includes('newer-2'));
  });

  test('label and field selectors choose', async () => {
    await fill(4, 'select');
    const get = async (query: string) => names((await call(cluster(), `${path}?${query}`)).body);
    assert.deepEqual(await get('labelSelector=set%3Dselect,parity%3Deven'), ['select-0', 'select-2']);
    assert.deepEqual(await get('labelSelector=set+in+(select),parity+notin+(even)'), ['select-1', 'select-3']);
    assert.deepEqual(await get('labelSelector=set%3Dselect,!parity'), []);
    assert.deepEqual(await get('fieldSelector=metadata.name%3Dselect-3'), ['select-3']);
    const everywhere = await call(
      cluster(),
      `/api/v1/configmaps?fieldSelector=metadata.namespace%3D${namespace},metadata.name%3Dselect-1`,
    );
    assert.deepEqual(names(everywhere.body), ['select-1']);
    assert.equal((await call(cluster(), `${path}?fieldSelector=spec.nothing%3Dx`)).status, 400);
    assert.equal((await call(cluster(), `${path}?labelSelector=a%3D%3D%3D`)).status, 400);
  });

  test('a resourceVersion that is no number is 400, one from the future times out', async () => {
    assert.equal((await call(cluster(), `${path}?resourceVersion=abc`)).status, 400);
    const future = await call(cluster(), `${path}?resourceVersion=999999999`);
    assert.deepEqual(
      [future.status, future.body['reason'], future.body['details']!['causes']![0]!['reason']],
      [504, 'Timeout', 'ResourceVersionTooLarge'],
    );
  });

  test('tables have columns, rows and the metadata of what they show', async () => {
    await call(cluster(), path, { method: 'POST', body: configMapOf('table', { a: '1', b: '2' }) });
    const table = await call(cluster(), `${path}?fieldSelector=metadata.name%3Dtable`, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    assert.equal(table.body['kind'], 'Table');
    assert.deepEqual(
      [...table.body['columnDefinitions']!].map((column) => column['name']),
      ['Name', 'Data', 'Age'],
    );
    const [row] = table.body['rows']!;
    assert.deepEqual([...row!['cells']!].slice(0, 2), ['table', 2]);
    assert.deepEqual(
      [row!['object']!['kind'], row!['object']!['metadata']!['name']],
      ['PartialObjectMetadata', 'table'],
    );
  });

  test('metadata-only lists hold no content', async () => {
    const list = await call(cluster(), `${path}?limit=1`, {
      accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    });
    assert.equal(list.body['kind'], 'PartialObjectMetadataList');
    assert.equal('data' in list.body['items']![0]!, false);
  });
};
