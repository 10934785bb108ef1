import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindStateToCluster } from './cluster-identity.ts';

test('a state directory is not carried on with another cluster, even one of the same name', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'driftline-cluster-uid-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
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
