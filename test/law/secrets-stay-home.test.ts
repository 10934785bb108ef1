/**
 * Law 4, end to end: a canary in every place where a secret can hide, and then every byte that leaves the agent's memory
 * is searched: spool, known objects, wire, store, logs, metrics, answers. All of it raw and decoded, for the canary as
 * it is, in Base64 at every alignment, in hex and percent-encoded. So that the search itself cannot fail unseen, a
 * visible word travels the same ways and must be found in each of them.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { unpackForm } from '../../agent/src/known/packed-form.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../agent/src/spool/index.ts';
import { copyDirectory } from '../../agent/src/spool/spool-fixture.ts';
import { base64, hidingPlaces } from '../../proto/test/hiding-places.ts';
import { filesUnder } from '../fakes/files-under.ts';
import { type EmbeddedSystem, openEmbeddedSystem } from '../fakes/embedded-system.ts';
import { until } from '../fakes/embedded/process.ts';
import { type RecordingProxy, openRecordingProxy } from '../fakes/embedded/recording-proxy.ts';
import type { JsonObject } from '../fakes/practice-cluster/index.ts';
import { messagesIn, messagesOf } from '../fakes/embedded/uplink-bytes.ts';

/** Every canary begins with it: one search finds them all. */
const stem = `Hx7${randomBytes(9).toString('hex')}`;
const visible = `seen${randomBytes(9).toString('hex')}`;
let canaries = 0;
const canary = (): string => `${stem}q${(canaries += 1)}Zz`;

const traces: readonly Buffer[] = (() => {
  const aligned = [0, 1, 2].map((shift) => {
    // The characters that do not depend on what stands before and after.
    const encoded = Buffer.from(`${'x'.repeat(shift)}${stem}`).toString('base64');
    return encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((stem.length + shift) * 8) / 6));
  });
  return [stem, ...aligned, Buffer.from(stem).toString('hex')].map((text) => Buffer.from(text));
})();

function findCanary(bytes: Buffer | string): string | undefined {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  for (const trace of traces) {
    const at = buffer.indexOf(trace);
    if (at >= 0) return buffer.subarray(Math.max(0, at - 120), at + 60).toString('latin1');
  }
  return undefined;
}

const assertClean = (bytes: Buffer | string, where: string): void =>
  assert.equal(findCanary(bytes), undefined, `a secret in ${where}`);

let system: EmbeddedSystem;
let proxy: RecordingProxy;
before(async () => {
  system = await openEmbeddedSystem({
    collector: 'process',
    collectorPort: async (port) => {
      proxy = await openRecordingProxy(port);
      return proxy.port;
    },
    // Everything the API server can send, bodies of Secrets included.
    auditPolicy: [{ level: 'RequestResponse' }],
    agentFlags: { 'audit-scope': 'all', 'log-level': 'trace' },
    collectorFlags: { 'log-level': 'trace' },
  });
});
after(async () => {
  await system.close();
  await proxy.close();
});

const metadata = (name: string): JsonObject => ({
  name: name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, ''),
  namespace: 'default',
  labels: { visible },
});

/** Real objects of real kinds, and every hiding place of the protocol's own tests inside a custom resource. */
function objects(): readonly JsonObject[] {
  const applied = 'kubectl.kubernetes.io/last-applied-configuration';
  const secret = canary();
  const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', stringData: { a: secret } });
  const env = [
    { name: 'DB_PASSWORD', value: canary() },
    { name: 'DATABASE_URL', value: `postgres://app:${canary()}@db/app` },
  ];
  const container = { name: 'web', image: 'shop/web:1', args: [`--api-token=${canary()}`, '-p', canary()], env };
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('plain'), data: { any: base64(canary()) } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata('applied'), annotations: { [applied]: manifest } },
      stringData: { a: secret },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata('settings'), annotations: { 'example.com/api-token': canary() } },
      data: { db_password: canary(), '.env': `PASSWORD=${canary()}\n`, 'a.yaml': `db:\n  password: ${canary()}\n` },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata('web'), annotations: { [applied]: JSON.stringify({ spec: { template } }) } },
      spec: { selector: { matchLabels: { app: 'a' } }, template },
    },
    ...Object.entries(hidingPlaces).map(([place, hide], index) => ({
      apiVersion: 'hide.example.com/v1',
      kind: 'Hide',
      metadata: metadata(`${index} ${place}`),
      spec: hide(canary()) as JsonObject,
    })),
  ];
}

const definition: JsonObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'hides.hide.example.com' },
  spec: {
    group: 'hide.example.com',
    scope: 'Namespaced',
    names: { kind: 'Hide', plural: 'hides', singular: 'hide', listKind: 'HideList' },
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

/** Requests whose secrets are in the audit log alone: addresses, bodies that were refused, patches, broken input. */
async function sayMore(): Promise<void> {
  const actor = system.actor();
  const maps = '/api/v1/namespaces/default/configmaps';
  actor.request('GET', `${maps}?token=${canary()}&labelSelector=visible%3D${visible}`);
  actor.request('GET', `/api/v1/namespaces/default/pods/x/exec?command=mysql&command=--password%3D${canary()}`);
  actor.request('GET', `/api/v1/namespaces/default/services/https:x:443/proxy/?api_key=${canary()}`);
  actor.request('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { password: canary() } });
  actor.request('PATCH', `${maps}/settings`, { data: { db_password: canary() } }, 'application/merge-patch+json');
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'default', name: 'web' };
  const path = '/spec/template/spec/containers/0/env/0/value';
  actor.patch(target, 'json', [{ op: 'replace', path, value: canary() }]);
  actor.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: canary() },
  });
  actor.request('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['x'] },
  });
  const half = `{"type":"MODIFIED","object":{"data":{"password":"${canary()}"`;
  await until(() => system.cluster.injectRawWatchLine('configmaps', `${half}\n`) > 0, 'a watch is open');
  for (const body of [`{"kind":"EventList","password":"${canary()}"`, JSON.stringify({ items: [{ a: canary() }] })]) {
    await fetch(`http://127.0.0.1:${system.ports.webhook}/`, { method: 'POST', body });
  }
}

async function spooledText(directory: string): Promise<string> {
  const spool = await openSpool({
    directory,
    limits: defaultSpoolLimits,
    clock: { nowUs: () => Date.now() * 1000 },
    logger: pino({ level: 'silent' }),
    metrics: noSpoolMetrics,
  });
  const texts: string[] = [];
  const stop = new AbortController();
  const last = spool.position().lastSequence;
  for await (const batch of spool.read(spool.firstHeld(1), stop.signal)) {
    texts.push(JSON.stringify(messagesIn(batch)));
    if (batch.lastSequence >= last) break;
  }
  await spool.close();
  return texts.join('\n');
}

describe('law 4: secrets stay home', () => {
  test('in the spool, while nothing can leave', async () => {
    proxy.refuse(true);
    proxy.cut();
    const actor = system.actor();
    actor.create(definition);
    const created = objects();
    for (const object of created) {
      try {
        actor.create(object);
      } catch (error) {
        assert.fail(`${JSON.stringify(object).slice(0, 200)}: ${String(error)}`);
      }
    }
    await sayMore();
    // Those of a new kind are compared first: it has been listed when its digest is there.
    const told = created
      .filter(({ kind }) => kind !== 'Hide')
      .map((object) => `"name":"${(object['metadata'] as { name: string }).name}"`);
    const isListed = /"type":"kind-digest"[^{}]*"resource":"hides"/;
    let text = '';
    await until(async () => {
      const { webhook, events } = system.cluster.audit;
      if (webhook === undefined || webhook.sentEvents + webhook.droppedEvents < events) return false;
      const copy = await copyDirectory(join(system.folder, 'agent', 'spool'));
      text = await spooledText(copy.path);
      await copy.remove();
      return told.every((name) => text.includes(name)) && isListed.test(text);
    }, 'everything is spooled');
    assert.ok(text.includes(visible));
    assert.ok(text.includes('redacted('));
    assertClean(text, 'the spooled messages');
    for (const [path, bytes] of filesUnder(join(system.folder, 'agent'))) assertClean(bytes, path);
  });

  test('on the wire', async () => {
    proxy.refuse(false);
    // The next life sends at once what the last one could not.
    await system.killAgent();
    await system.startAgent();
    await system.settled();
    const text = proxy
      .sent()
      .map((bytes) => JSON.stringify(messagesOf(bytes)))
      .join('\n');
    assert.ok(text.includes(visible));
    assert.ok(text.includes('TokenReview'), 'audit bodies travel');
    assertClean(text, 'the messages on the wire');
    for (const bytes of [...proxy.sent(), ...proxy.received()]) assertClean(bytes, 'the bytes on the wire');
  });

  test('in the known objects', async () => {
    await system.stopAgent();
    const database = new DatabaseSync(join(system.folder, 'agent', 'known.db'), { readOnly: true });
    const packed = database.prepare('SELECT packed FROM objects').all();
    database.close();
    const text = packed.map((row) => Object.values(unpackForm(row['packed'] as Uint8Array)).join()).join('\n');
    assert.ok(text.includes(visible));
    assertClean(text, 'the known objects');
    for (const [path, bytes] of filesUnder(join(system.folder, 'agent'))) assertClean(bytes, path);
  });

  test('in the store: every String column of every table, and every file', async () => {
    const columns = await system.timeline.ask<{ table: string; name: string; type: string }>(
      "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND type LIKE '%String%'",
    );
    assert.ok(columns.length > 60);
    let found = 0;
    for (const { table, name } of columns) {
      const rows = await system.timeline.ask<{ text: string }>(`SELECT toString(\`${name}\`) AS text FROM ${table}`);
      const text = rows.map((row) => row.text).join('\n');
      if (text.includes(visible)) found += 1;
      assertClean(text, `${table}.${name}`);
    }
    assert.ok(found >= 2, 'bodies and audit events hold the visible word');
    for (const [path, bytes] of filesUnder(join(system.folder, 'collector'))) assertClean(bytes, path);
  });

  test('in logs, metrics and answers', async () => {
    for (const path of ['log?limit=500', 'findings?limit=500', 'objects?kind=hides.hide.example.com', 'status'])
      assertClean(JSON.stringify(await system.get(path)), path);
    const answer = JSON.stringify(await system.get('objects?kind=configmaps'));
    assert.ok(answer.includes(visible));
    assertClean(await (await fetch(`${system.apiUrl}/metrics`)).text(), "the collector's metrics");
    for (const part of ['agent', 'collector'] as const) {
      assert.ok(system.logs(part).length > 500);
      assertClean(system.logs(part), `the log of the ${part}`);
    }
    assert.ok(canaries >= Object.keys(hidingPlaces).length + 19, `${canaries} canaries`);
  });
});
