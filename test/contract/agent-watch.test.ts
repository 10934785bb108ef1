import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PracticeCluster } from '../fakes/practice-cluster/index.ts';
import {
  type LifeOptions,
  RecordingSink,
  crashImage,
  current,
  endLife,
  gaps,
  killLife,
  sorted,
  states,
  told,
  until,
  withCluster,
  witness,
} from './agent-witness.ts';

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Creates, changes, deletes and recreates under the same names. */
function write(cluster: PracticeCluster, random: () => number): void {
  const actor = cluster.actor({ user: 'jo', userAgent: 'kubectl/v1', sourceIp: '10.0.0.1', isTrusted: true });
  const name = `map-${Math.floor(random() * 8)}`;
  const target = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name };
  const choice = random();
  if (actor.get(target) === undefined) {
    actor.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { a: '1' } });
  } else if (choice < 0.25) actor.delete(target);
  else actor.patch(target, 'merge', { data: { [`key-${Math.floor(random() * 4)}`]: String(random()) } });
}

async function caughtUp(cluster: PracticeCluster, sink: RecordingSink, history: Map<string, string[]>): Promise<void> {
  await until(async () => {
    const seen = current(await told(sink.messages));
    const real = current(history);
    return seen.size === real.size && [...real].every(([key, form]) => seen.get(key) === form);
  }, `the timeline equals the cluster at ${cluster.store.revision}`);
}

/** As many versions as there were: the last of them may look like one from before. */
async function everythingIsTold(sink: RecordingSink, history: Map<string, string[]>): Promise<void> {
  await until(async () => {
    const seen = await told(sink.messages);
    return [...history].every(([key, forms]) => (seen.get(key)?.length ?? 0) >= forms.length);
  }, 'every version is told');
}

for (const usesWatchList of [true, false]) {
  const how = usesWatchList ? 'streamed' : 'paged';
  test(`${how}: what was there is a snapshot, and every later version is told once and in order`, async () => {
    await withCluster(async ({ cluster, folder, begin }) => {
      const seen = witness(cluster);
      const sink = new RecordingSink();
      const limits = { listPageItems: 3 };
      const options: LifeOptions = { knownPath: join(folder, 'known.db'), sink };
      const life = await begin({ ...options, config: { usesWatchList }, limits });
      await life.watch.ready;
      assert.ok(sink.messages.every(({ body }) => body.type !== 'delta' || body.op === 'snapshot'));
      const random = seeded(7);
      for (let i = 0; i < 300; i++) {
        write(cluster, random);
        if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        if (i % 90 === 45) cluster.cutConnections();
      }
      await everythingIsTold(sink, seen.history);
      assert.deepEqual(sorted(await told(sink.messages)), sorted(seen.history));
      assert.ok(gaps(sink).every((gap) => gap.cause === 'epoch_start'));
      const synced = sink.messages.filter(({ body }) => body.type === 'kind-synced').length;
      const watched = life.watch.status().filter(({ state }) => state === 'watched').length;
      assert.ok(watched > 20);
      assert.equal(synced, watched);
      await endLife(life);
    });
  });
}

test('kill -9 at any moment: the next life continues without a gap, a loss or a repetition', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const seen = witness(cluster);
    const random = seeded(11);
    let sink = new RecordingSink(() => Math.floor(random() * 6));
    let knownPath = join(folder, 'known-0.db');
    for (let round = 1; round <= 8; round++) {
      const life = await begin({ knownPath, sink, config: { include: ['configmaps', 'namespaces'] } });
      if (round === 1) await life.watch.ready;
      for (let i = 0; i < 40; i++) {
        write(cluster, random);
        if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 12));
      }
      const nextPath = join(folder, `known-${round}.db`);
      crashImage(knownPath, nextPath);
      await killLife(life);
      knownPath = nextPath;
      sink = new RecordingSink(() => Math.floor(random() * 6), sink.messages);
    }
    const life = await begin({ knownPath, sink, config: { include: ['configmaps', 'namespaces'] } });
    const real = new Map([...seen.history].filter(([key]) => /^(configmaps|namespaces) /.test(key)));
    await everythingIsTold(sink, real);
    assert.deepEqual(sorted(await told(sink.messages)), sorted(real));
    // The epoch's own, and those of the two first lists.
    assert.deepEqual(
      gaps(sink)
        .map(({ cause, resource }) => `${cause} ${resource}`)
        .sort(),
      ['epoch_start ', 'epoch_start configmaps', 'epoch_start namespaces'],
    );
    await endLife(life);
  });
});

test('an agent that was away for longer than the watch window confesses it and ends up with the truth', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const knownPath = join(folder, 'known.db');
    const seen = witness(cluster);
    let sink = new RecordingSink();
    const random = seeded(3);
    for (let i = 0; i < 30; i++) write(cluster, random);
    const first = await begin({ knownPath, sink, config: { include: ['configmaps'] } });
    await first.watch.ready;
    await caughtUp(cluster, sink, onlyMaps(seen.history));
    await endLife(first);
    const before = sink.messages.length;
    for (let i = 0; i < 60; i++) write(cluster, random);
    cluster.compact();
    sink = new RecordingSink(() => 1, sink.messages);
    const second = await begin({ knownPath, sink, config: { include: ['configmaps'] } });
    await second.watch.ready;
    await caughtUp(cluster, sink, onlyMaps(seen.history));
    await until(() => sink.messages.at(-1)?.body.type === 'kind-synced', 'the list is complete');
    const later = sink.messages.slice(before).map(({ body }) => body);
    const gap = later.find((body) => body.type === 'gap');
    assert.equal(gap?.cause, 'relist');
    assert.notEqual(gap?.fromVersion, '');
    assert.ok(later.every((body) => body.type !== 'delta' || body.op !== 'snapshot'));
    await endLife(second);
  });
});

test('a line that cannot be read is rejected, and the kind is listed again with a gap', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const seen = witness(cluster);
    const sink = new RecordingSink();
    const life = await begin({
      knownPath: join(folder, 'known.db'),
      sink,
      config: { include: ['configmaps'] },
    });
    await life.watch.ready;
    const random = seeded(5);
    const lines = ['{"type":"MODIFIED","object":{"metad\n', 'null\n', '{"type":"ADDED","object":{"\xff":1}}x\n'];
    for (const line of lines) {
      const before = gaps(sink).length;
      const isTold = (): boolean => gaps(sink).length > before;
      await until(() => cluster.injectRawWatchLine('configmaps', line) > 0, 'a watch is open');
      for (let i = 0; i < 10; i++) write(cluster, random);
      // The watch may have been one that the agent had left already, which the server had not noticed yet.
      while (!isTold()) {
        await until(isTold, 'a gap', 2_000).catch(() => cluster.injectRawWatchLine('configmaps', line));
      }
    }
    // A line that was sent again can have had a second gap, which the loop took for the next line's: that one comes yet.
    const areRejected = () => sink.messages.filter(({ body }) => body.type === 'rejected').length >= lines.length;
    while (!areRejected()) {
      await until(areRejected, 'as many are rejected', 2_000).catch(() =>
        cluster.injectRawWatchLine('configmaps', 'null\n'),
      );
    }
    await caughtUp(cluster, sink, onlyMaps(seen.history));
    assert.ok(
      gaps(sink)
        .filter((gap) => gap.cause !== 'epoch_start')
        .every((gap) => gap.cause === 'undecodable'),
    );
    await endLife(life);
  });
});

test('a kind that may not be read is told as forbidden, and watched once it may be', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const limits = { forbiddenRetryMs: 50 };
    const token = cluster.tokenFor('nobody', ['system:authenticated']);
    const config = { include: ['configmaps', 'secrets'] };
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, config, token, limits });
    await life.watch.ready;
    assert.deepEqual(states(life.watch), { configmaps: 'forbidden', secrets: 'forbidden' });
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    admin.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }],
    });
    admin.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'nobody' }],
    });
    await until(() => states(life.watch)['configmaps'] === 'watched', 'configmaps are watched');
    assert.equal(states(life.watch)['secrets'], 'forbidden');
    await endLife(life);
  });
});

test('throttling, errors and cut connections only delay', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const seen = witness(cluster);
    for (const status of [429, 500, 503, 0])
      cluster.fail({ status, count: 6, ...(status === 429 ? { retryAfterSeconds: 1 } : {}) });
    const sink = new RecordingSink();
    const life = await begin({ knownPath: join(folder, 'known.db'), sink });
    await life.watch.ready;
    await caughtUp(cluster, sink, seen.history);
    assert.deepEqual(sorted(await told(sink.messages)), sorted(seen.history));
    await endLife(life);
  });
});

function onlyMaps(history: Map<string, string[]>): Map<string, string[]> {
  return new Map([...history].filter(([key]) => key.startsWith('configmaps ')));
}
