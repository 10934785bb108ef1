import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { openPracticeCluster, type JsonObject, type KubeObject, type PracticeCluster } from './index.ts';

const churn = new Set([
  'pods',
  'events',
  'replicasets.apps',
  'endpointslices.discovery.k8s.io',
  'leases.coordination.k8s.io',
]);

/** The company's state without what every write changes. */
const stateOf = (cluster: PracticeCluster): Map<string, JsonObject> => {
  const state = new Map<string, JsonObject>();
  for (const { storageKey, key, object } of cluster.store.entries()) {
    if (churn.has(storageKey)) continue;
    const {
      uid: _uid,
      resourceVersion: _version,
      generation: _generation,
      managedFields: _fields,
      creationTimestamp: _time,
      annotations,
      ...metadata
    } = object.metadata;
    const {
      'deployment.kubernetes.io/revision': _revision,
      'kubernetes.io/change-cause': _cause,
      'driftline.io/change-reference': _reference,
      ...kept
    } = annotations ?? {};
    const { status: _status, ...rest } = object as KubeObject & { status?: JsonObject };
    state.set(`${storageKey} ${key}`, { ...rest, metadata: { ...metadata, annotations: kept } });
  }
  return state;
};

test('every story plays, can be played again, and leaves nothing when it is taken back', async (t) => {
  const cluster = await openPracticeCluster({ world: 'company' });
  t.after(() => cluster.stop());
  const before = stateOf(cluster);
  assert.ok(cluster.store.list('deployments.apps').length >= 11);
  for (const story of cluster.stories.list()) {
    for (let round = 0; round < 2; round += 1) {
      const revision = cluster.store.revision;
      for (const run of cluster.stories.play(story.name))
        assert.equal(run.error, undefined, `${story.name}: ${run.step}`);
      assert.ok(cluster.store.revision > revision, `${story.name} changes something`);
    }
    for (const run of cluster.stories.undo(story.name))
      assert.equal(run.error, undefined, `${story.name}: ${run.step}`);
    assert.deepEqual(stateOf(cluster), before, story.name);
  }
  await cluster.stop();
});

test('the loop plays step by step until it is stopped', async (t) => {
  const cluster = await openPracticeCluster({ world: 'company' });
  t.after(() => cluster.stop());
  const errors: string[] = [];
  const steps: string[] = [];
  cluster.stories.startLoop(1, (run) => {
    steps.push(run.step);
    if (run.error !== undefined) errors.push(`${run.story}: ${run.error}`);
  });
  for (let waits = 0; waits < 2_400 && steps.length < 60; waits += 1) await pause(50);
  await cluster.stop();
  assert.ok(steps.length >= 60);
  assert.deepEqual(errors, []);
});
