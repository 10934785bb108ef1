/**
 * The audit webhook's TLS as a real kube-apiserver sees it: a certificate that is not of the authority in its webhook
 * configuration gets no event, and one that is put in its place is used without a restart of either.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHeldSink, createTestRecorder } from '../../agent/src/audit/audit-fixture.ts';
import { noAuditMetrics } from '../../agent/src/audit/audit-metrics.ts';
import { defaultAuditWebhookLimits, openAuditWebhook } from '../../agent/src/audit/index.ts';
import { systemClock } from '../../agent/src/clock.ts';
import { silentLogger } from '../../agent/src/spool/spool-fixture.ts';
import { type Authority, createAuthority } from '../fakes/certificates.ts';
import { until } from '../fakes/embedded/process.ts';
import { startControlPlane } from './control-plane/control-plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-webhook-'));
const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.toReversed()) await close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return join(folder, name);
};

const writePair = (authority: Authority): { readonly certificateFile: string; readonly keyFile: string } => {
  const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const { cert, key } = authority.issue({ commonName: 'webhook', names: ['127.0.0.1'], ...lifetime });
  return { certificateFile: file('webhook.crt', cert), keyFile: file('webhook.key', key) };
};

test('a kube-apiserver believes the certificate of its authority only, and takes a rotated one', async () => {
  const authority = createAuthority('the one that is configured', Date.now());
  const token = 'webhook-token-of-the-test';
  const sink = createHeldSink();
  const parts = {
    recorder: createTestRecorder(sink),
    logger: silentLogger,
    metrics: noAuditMetrics,
    clock: systemClock,
  };
  const webhook = await openAuditWebhook({
    ...parts,
    host: '127.0.0.1',
    port: 0,
    tls: writePair(createAuthority('another', Date.now())),
    tokenFile: file('token', token),
    limits: defaultAuditWebhookLimits,
  });
  closers.push(() => webhook.close());
  const server = `https://127.0.0.1:${webhook.port}/`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'webhook',
    clusters: [{ name: 'webhook', cluster: { server, 'certificate-authority': file('ca.crt', authority.cert) } }],
    users: [{ name: 'webhook', user: { token } }],
    contexts: [{ name: 'webhook', context: { cluster: 'webhook', user: 'webhook' } }],
  };
  const control = startControlPlane({
    audit: 'webhook',
    auditWebhookConfig: file('webhook.kubeconfig', JSON.stringify(config)),
  });
  closers.push(() => control.stop());
  control.kubectl(['create', 'configmap', 'before']);
  await sleep(5_000);
  assert.deepEqual(sink.bodies, [], 'events went to whom the API server has no reason to believe');
  writePair(authority);
  let attempts = 0;
  await until(async () => {
    control.kubectl(['create', 'configmap', `after-${++attempts}`]);
    await sleep(1_000);
    return sink.bodies.some((body) => body.type === 'audit' && body.event.includes('"after-'));
  }, 'events come to the rotated certificate');
});
