/** The audit policy that is shipped: what it keeps of every write, what it leaves out, and what that weighs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../contract/kube-client.ts';
import type { ContractCluster, Loose } from '../contract/kube-client.ts';
import { eventually } from './flow/api.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';

const policy = join(import.meta.dirname, '..', '..', 'deploy', 'audit', 'policy.yaml');
const namespace = 'weighed';
const canary = 'canary-audit-policy-51c07a';
const rounds = 20;

let control: ControlPlane;
let admin: ContractCluster;

before(() => {
  control = startControlPlane({ audit: 'log', auditPolicyFile: policy });
  admin = {
    url: control.server,
    token: control.adminToken,
    ca: readFileSync(control.caFile, 'utf8'),
    close: async () => {},
  };
  control.kubectl(['create', 'namespace', namespace]);
});
after(() => control.stop());

const deployment = (replicas: number): Loose => ({
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'registry.k8s.io/web:1.4.2' }] },
    },
  },
});

const events = (): readonly { readonly event: Loose; readonly bytes: number }[] =>
  readFileSync(control.auditLog, 'utf8')
    .split('\n')
    // Without the last, which may be being written.
    .slice(0, -1)
    .map((line) => ({ event: JSON.parse(line) as Loose, bytes: Buffer.byteLength(line) + 1 }));

const weigh = (all: ReturnType<typeof events>, of: (event: Loose) => boolean): Loose => {
  const some = all.filter(({ event }) => of(event));
  const bytes = some.reduce((sum, each) => sum + each.bytes, 0);
  return { events: some.length, bytes, bytesEach: Math.round(bytes / Math.max(1, some.length)) };
};

test('every write is there with what links it, no read, and no value of a Secret', async (t) => {
  const ids: string[] = [];
  const write = async (path: string, options: Parameters<typeof call>[2]): Promise<void> => {
    const answer = await call(admin, path, options);
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`);
    ids.push(String(answer.headers['audit-id']));
  };
  const core = `/api/v1/namespaces/${namespace}`;
  const apps = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const merge = 'application/merge-patch+json';
  await write(apps, { method: 'POST', body: deployment(1) });
  await write(`${core}/secrets`, { method: 'POST', body: { metadata: { name: 's' }, stringData: { v: canary } } });
  await write(`${core}/configmaps`, { method: 'POST', body: { metadata: { name: 'c' }, data: { v: canary } } });
  for (let round = 0; round < rounds; round++) {
    const annotations = { round: String(round) };
    await write(`${apps}/web`, { method: 'PATCH', body: { metadata: { annotations } }, contentType: merge });
    await write(`${core}/configmaps/c`, { method: 'PATCH', body: { metadata: { annotations } }, contentType: merge });
    await write(`${core}/secrets/s`, { method: 'PATCH', body: { metadata: { annotations } }, contentType: merge });
    await call(admin, `${core}/pods`);
    await call(admin, `${core}/secrets/s`);
  }
  await write(`${apps}/web`, { method: 'DELETE' });
  const unknown = (): readonly string[] => {
    const known = new Set(events().map(({ event }) => String(event.auditID)));
    return ids.filter((id) => !known.has(id));
  };
  await eventually(
    async () => unknown(),
    ({ length }) => length === 0,
    'every write is in the audit log',
  );
  // What reads, controllers and heartbeats would leave there comes with them.
  await sleep(2_000);
  const all = events();
  const reads = all.filter(({ event }) => ['get', 'list', 'watch'].includes(String(event.verb)));
  assert.deepEqual(
    reads.map(({ event }) => event.requestURI),
    [],
  );
  assert.ok(!readFileSync(control.auditLog, 'utf8').includes(canary));
  const own = new Set(ids);
  const isOwn = ({ auditID }: Loose): boolean => own.has(String(auditID));
  const ofDeployments = all.filter(({ event }) => isOwn(event) && event.objectRef.resource === 'deployments');
  for (const { event } of ofDeployments.filter(({ event: { verb } }) => verb === 'patch'))
    assert.match(String(event.responseObject.metadata.resourceVersion), /^\d+$/);
  t.diagnostic(
    JSON.stringify({
      deployments: weigh(all, (event) => isOwn(event) && event.objectRef.resource === 'deployments'),
      configMapsAndSecrets: weigh(all, (event) => isOwn(event) && event.objectRef.resource !== 'deployments'),
      controllersInAnswer: weigh(all, (event) => !isOwn(event) && event.objectRef?.namespace === namespace),
      whole: weigh(all, () => true),
      writes: ids.length,
    }),
  );
});
