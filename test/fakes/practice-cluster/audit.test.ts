import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { call, type Loose, openWatch } from '../../contract/kube-client.ts';
import { openPracticeCluster } from './index.ts';

/** A receiver of audit batches that fails as often as it is told to. */
const openReceiver = async (failures: number) => {
  const batches: Loose[] = [];
  let left = failures;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (left > 0) {
        left -= 1;
        response.writeHead(503).end();
        return;
      }
      batches.push(JSON.parse(Buffer.concat(chunks).toString()) as Loose);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/audit`,
    batches,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
};

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '1' } });
const path = '/api/v1/namespaces/default/configmaps';

describe('audit', () => {
  test('the webhook gets EventLists, in order, once each, through failures of the receiver', async (t) => {
    const receiver = await openReceiver(2);
    t.after(() => receiver.close());
    const cluster = await openPracticeCluster({
      controllers: false,
      audit: { webhook: { url: receiver.url, batchMaxWaitMs: 20, retryDelayMs: 10 } },
    });
    t.after(() => cluster.stop());
    const target = { url: cluster.url, token: cluster.adminToken, close: async () => undefined };
    for (let index = 0; index < 20; index += 1)
      await call(target, path, { method: 'POST', body: configMap(`a${index}`) });
    await cluster.stop();
    assert.ok(
      receiver.batches.every((batch) => batch['kind'] === 'EventList' && batch['apiVersion'] === 'audit.k8s.io/v1'),
    );
    const names = receiver.batches
      .flatMap((batch) => [...batch['items']])
      .map((event: Loose) => event['objectRef']?.['name']);
    assert.deepEqual(
      names.filter((name) => /^a\d+$/.test(name)),
      Array.from({ length: 20 }, (_, index) => `a${index}`),
    );
    assert.equal(cluster.audit.webhook?.failedRequests, 2);
    assert.equal(cluster.audit.webhook?.droppedEvents, 0);
  });

  test('events tell who, from where, with what, and what came of it', async (t) => {
    const events: Loose[] = [];
    const directory = mkdtempSync(join(tmpdir(), 'practice-audit-'));
    const logFile = join(directory, 'audit.jsonl');
    const cluster = await openPracticeCluster({
      controllers: false,
      audit: { logFile, onEvent: (event) => events.push(event) },
    });
    t.after(() => cluster.stop());
    const target = { url: cluster.url, token: cluster.adminToken, close: async () => undefined };
    events.length = 0;
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    const spec = {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    };
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec };
    const created = await call(target, deployments, {
      method: 'POST',
      body,
      userAgent: 'kubectl/v1.36.0 (linux/amd64)',
    });
    const [event] = events;
    assert.deepEqual(
      [
        event!['level'],
        event!['stage'],
        event!['verb'],
        event!['user']['username'],
        event!['sourceIPs'],
        event!['userAgent'],
      ],
      ['RequestResponse', 'ResponseComplete', 'create', 'admin', ['127.0.0.1'], 'kubectl/v1.36.0 (linux/amd64)'],
    );
    assert.deepEqual(event!['objectRef'], {
      resource: 'deployments',
      namespace: 'default',
      name: 'd',
      apiGroup: 'apps',
      apiVersion: 'v1',
    });
    assert.equal(event!['responseObject']['metadata']['resourceVersion'], created.body['metadata']['resourceVersion']);
    assert.equal(event!['responseObject']['metadata']['managedFields'], undefined);
    assert.equal(event!['auditID'], created.headers['audit-id']);
    assert.deepEqual(
      [event!['responseStatus']['code'], event!['annotations']['authorization.k8s.io/decision']],
      [201, 'allow'],
    );

    await call(target, path, { method: 'POST', body: configMap('level') });
    assert.deepEqual([events.at(-1)!['level'], 'requestObject' in events.at(-1)!], ['Metadata', false]);

    const token = cluster.tokenFor('eve@example.com', ['nobody']);
    await call(target, `${path}/level`, { method: 'DELETE', token });
    assert.deepEqual(
      [
        events.at(-1)!['user']['username'],
        events.at(-1)!['responseStatus']['code'],
        events.at(-1)!['annotations']['authorization.k8s.io/decision'],
      ],
      ['eve@example.com', 403, 'forbid'],
    );
    await cluster.stop();
    const lines = readFileSync(logFile, 'utf8').trim().split('\n');
    assert.equal(lines.length, cluster.audit.events);
    assert.deepEqual(JSON.parse(lines.at(-1)!), events.at(-1));
    rmSync(directory, { recursive: true, maxRetries: 10 });
  });

  test('a watch is recorded when it starts and when it ends', async (t) => {
    const stages: unknown[] = [];
    const cluster = await openPracticeCluster({
      controllers: false,
      audit: { onEvent: (event) => event['verb'] === 'watch' && stages.push(event['stage']) },
    });
    t.after(() => cluster.stop());
    const target = { url: cluster.url, token: cluster.adminToken, close: async () => undefined };
    const watch = await openWatch(target, path, {
      timeoutSeconds: '1',
      resourceVersion: String(cluster.store.revision),
    });
    assert.equal(await watch.next(), undefined);
    await cluster.stop();
    assert.deepEqual(stages, ['ResponseStarted', 'ResponseComplete']);
  });
});
