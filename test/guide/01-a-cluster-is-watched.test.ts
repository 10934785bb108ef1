/**
 * Chapter 1: a cluster is watched.
 *
 * The agent asks the API server which kinds there are (discovery) and, for each kind, lists what exists and then watches
 * from exactly that point on. Kinds that only beat (Events, Leases, Endpoints …) are left out, and that is said, so that
 * nobody takes silence for absence. The agent is a guest: it reads, and nothing else.
 *
 * Here: the practice cluster (test/fakes/practice-cluster, a small program that speaks the Kubernetes API) and the
 * observing half of the agent (agent/src/watch), whose messages we keep in a list instead of a spool.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { RecordingSink, beginLife, endLife, temporaryFolder, until } from '../contract/agent-witness.ts';
import { openPracticeCluster } from '../fakes/practice-cluster/index.ts';

test('every kind is listed once, then watched; a change arrives as a message', async (t) => {
  const verbs = new Set<unknown>();
  const cluster = await openPracticeCluster({
    controllers: false,
    audit: {
      onEvent: (event) => {
        if (event['userAgent'] === 'driftline-test') verbs.add(event['verb']);
      },
    },
  });
  const folder = temporaryFolder();
  const sink = new RecordingSink();
  const agent = await beginLife(cluster, { knownPath: join(folder.path, 'known.db'), sink });
  t.after(async () => {
    await endLife(agent);
    await cluster.stop();
    folder.remove();
  });

  // Ready: everything that exists has been sent, as a snapshot, and each kind said so with its resourceVersion.
  await agent.watch.ready;
  const kinds = agent.watch.status().map(({ kind, state, reason }) => `${kind}: ${state} ${reason}`.trimEnd());
  assert.ok(kinds.includes('pods: watched'));
  assert.ok(kinds.includes('rolebindings.rbac.authorization.k8s.io: watched'));
  assert.ok(kinds.includes('events: excluded by configuration'));
  const bodies = sink.messages.map(({ body }) => body);
  assert.ok(bodies.some((body) => body.type === 'delta' && body.op === 'snapshot' && body.ref.name === 'kube-system'));
  assert.ok(bodies.some((body) => body.type === 'kind-synced' && body.resource === 'namespaces'));
  // What happened before the first list is unknown, and the agent confesses it: one gap for each kind.
  assert.ok(bodies.every((body) => body.type !== 'gap' || body.cause === 'epoch_start'));

  // From now on the watch tells every change.
  cluster.applyAs('alice@example.com', 'kubectl/v1.36.0', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'banner', namespace: 'default' },
    data: { text: 'back soon' },
  });
  const told = () =>
    sink.messages.flatMap(({ body }) => (body.type === 'delta' && body.ref.name === 'banner' ? [body] : []));
  await until(() => told().length > 0, 'the change');
  assert.deepEqual(
    told().map(({ op, ref }) => `${op} ${ref.kind} ${ref.namespace}/${ref.name}`),
    ['created ConfigMap default/banner'],
  );

  // And this is all the API server ever saw of the agent.
  assert.ok(verbs.isSubsetOf(new Set(['get', 'list', 'watch'])), [...verbs].join());
});
