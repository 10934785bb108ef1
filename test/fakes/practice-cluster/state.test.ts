import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, openWatch } from '../../contract/kube-client.ts';
import { openPracticeCluster } from './index.ts';

const path = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

test('a second start goes on: objects, versions, tokens, kinds and the watch window', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'practice-state-'));
  const first = await openPracticeCluster({ stateDir, controllers: false });
  t.after(() => first.stop());
  const token = first.adminToken;
  first.applyAs('admin', 'test/1', configMap('one'));
  first.applyAs('admin', 'test/1', widgets);
  first.applyAs('admin', 'test/1', {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w', namespace: 'default' },
  });
  const from = first.store.revision;
  first.applyAs('admin', 'test/1', configMap('two'));
  const objects = [...first.store.entries()].map(
    ({ storageKey, key, object }) => [`${storageKey} ${key}`, object] as const,
  );
  await first.stop();
  // A crash in the middle of a write leaves half a line.
  appendFileSync(join(stateDir, 'changes.jsonl'), '{"resource":"configmaps","type":"ADD');

  const second = await openPracticeCluster({ stateDir, controllers: false });
  t.after(() => second.stop());
  const target = { url: second.url, token, close: async () => undefined };
  assert.deepEqual(
    new Map([...second.store.entries()].map(({ storageKey, key, object }) => [`${storageKey} ${key}`, object])),
    new Map(objects),
  );
  const watch = await openWatch(target, path, { resourceVersion: String(from) });
  assert.equal((await watch.next())!.object['metadata']['name'], 'two');
  watch.close();
  assert.equal((await call(target, '/apis/example.com/v1/widgets')).body['items'].length, 1);
  const next = second.applyAs('admin', 'test/1', configMap('three'));
  assert.equal(Number(next.metadata.resourceVersion), from + 2);
  await second.stop();
  const third = await openPracticeCluster({ stateDir, controllers: false });
  t.after(() => third.stop());
  assert.equal(third.store.revision, from + 2);
  await third.stop();
  rmSync(stateDir, { recursive: true, maxRetries: 10 });
});
