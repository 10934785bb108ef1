import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindStateToCluster, readClusterIdentity } from './cluster-identity.ts';
import type { KubeClient } from './kube/kube-client.ts';
import { KubeError } from './kube/kube-error.ts';
import { silentLogger } from './spool/spool-fixture.ts';

test('a state directory is not carried on with another cluster, even one of the same name', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'driftline-cluster-uid-'));
  t.after(() => rm(parent, { recursive: true, force: true, maxRetries: 10 }));
  const stateDir = join(parent, 'state');
  await bindStateToCluster(stateDir, '');
  await bindStateToCluster(stateDir, 'uid-1');
  await bindStateToCluster(stateDir, 'uid-1');
  // An agent that may not read kube-system knows nothing against it.
  await bindStateToCluster(stateDir, '');
  await assert.rejects(bindStateToCluster(stateDir, 'uid-2'), {
    code: 'other-cluster',
    message: /holds the stream of another cluster \(kube-system had the uid uid-1, here it is uid-2\)/,
  });
});

/** An API server that answers each path with 403 so many times first. */
const refusing = (refusals: Record<string, number>): KubeClient => {
  const answers: Record<string, object> = {
    '/version': { gitVersion: 'v1.36.0' },
    '/api/v1/namespaces/kube-system': { metadata: { uid: 'uid-1' } },
  };
  const getJson = async (path: string): Promise<unknown> => {
    if ((refusals[path] ?? 0) > 0) {
      refusals[path] = (refusals[path] ?? 0) - 1;
      throw new KubeError('forbidden', `GET ${path}: HTTP 403`, { status: 403 });
    }
    return answers[path];
  };
  return { getJson } as unknown as KubeClient;
};
const identityOf = (kube: KubeClient, refusalWaitMs: number) =>
  readClusterIdentity(kube, {
    waitMs: 60_000,
    refusalWaitMs,
    logger: silentLogger,
    signal: new AbortController().signal,
  });
const whole = { kubernetesVersion: 'v1.36.0', clusterUid: 'uid-1' };

test('an API server that has just started refuses its version and its uid: an agent asks again, and does not end or go without', async () => {
  const [version, uid] = await Promise.all([
    identityOf(refusing({ '/version': 1 }), 60_000),
    identityOf(refusing({ '/api/v1/namespaces/kube-system': 1 }), 60_000),
  ]);
  assert.deepEqual([version, uid], [whole, whole]);
});

test('a refusal that stays is believed', async () => {
  await assert.rejects(identityOf(refusing({ '/version': 1_000 }), 0), { code: 'api-server' });
  const kube = refusing({ '/api/v1/namespaces/kube-system': 1_000 });
  assert.deepEqual(await identityOf(kube, 0), { ...whole, clusterUid: '' });
});
