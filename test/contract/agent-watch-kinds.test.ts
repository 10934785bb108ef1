/** Kinds that come and go with their definitions. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Gap } from '@driftline/proto';
import type { KubeClient } from '../../agent/src/kube/kube-client.ts';
import { KubeError } from '../../agent/src/kube/kube-error.ts';
import { RecordingSink, endLife, gaps, states, until, withCluster } from './agent-witness.ts';

const boatDefinitionName = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  name: 'boats.sea.example.com',
};
const boatDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boats.sea.example.com' },
  spec: {
    group: 'sea.example.com',
    scope: 'Namespaced',
    names: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
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

test('a new CRD is picked up, and its objects end with it', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const life = await begin({ knownPath: join(folder, 'known.db'), sink });
    await life.watch.ready;
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    admin.create(boatDefinition);
    await until(() => states(life.watch)['boats.sea.example.com'] === 'watched', 'boats are watched');
    const metadata = { name: 'one', namespace: 'default' };
    admin.create({ apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata, spec: { sails: 2 } });
    const boats = (op: string): boolean =>
      sink.messages.some(({ body }) => body.type === 'delta' && body.ref.resource === 'boats' && body.op === op);
    await until(() => boats('created'), 'the boat is told');
    admin.delete(boatDefinitionName);
    await until(() => states(life.watch)['boats.sea.example.com'] === 'gone', 'boats are gone');
    await until(() => boats('deleted'), 'the end of the boat is told');
    const boatGaps = gaps(sink).filter(({ resource }) => resource === 'boats');
    assert.deepEqual(
      boatGaps.map(({ cause, fromVersion }) => [cause, fromVersion]),
      [['relist', '0']],
      'what the kind had before its first list is confessed, and its end was seen',
    );
    await endLife(life);
  }, true);
});

test('a list of kinds that is older than the objects ends nothing that is there', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const before = new Map<string, unknown>();
    let [isOld, oldAnswers] = [false, 0];
    const throughKube = (kube: KubeClient): KubeClient => ({
      stream: (path, options) => kube.stream(path, options),
      close: () => kube.close(),
      async getJson(path, options) {
        if (path !== '/api' && path !== '/apis') return kube.getJson(path, options);
        if (isOld) oldAnswers += 1;
        else if (before.has(path)) return kube.getJson(path, options);
        else before.set(path, await kube.getJson(path, options));
        return before.get(path);
      },
    });
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, throughKube });
    await life.watch.ready;
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    admin.create(boatDefinition);
    await until(() => states(life.watch)['boats.sea.example.com'] === 'watched', 'boats are watched');
    const boat = (name: string) => ({
      apiVersion: 'sea.example.com/v1',
      kind: 'Boat',
      metadata: { name, namespace: 'default' },
    });
    const ops = (name: string): readonly string[] =>
      sink.messages.flatMap(({ body }) => (body.type === 'delta' && body.ref.name === name ? [body.op] : []));
    admin.create(boat('one'));
    await until(() => ops('one').length > 0, 'the boat is told');
    isOld = true;
    admin.patch(boatDefinitionName, 'merge', { metadata: { labels: { looked: 'again' } } });
    await until(() => oldAnswers >= 4, 'two looks at the old list');
    isOld = false;
    admin.create(boat('two'));
    await until(() => ops('two').length > 0, 'boats are still watched');
    assert.deepEqual([ops('one'), ops('two')], [['created'], ['created']]);
    assert.equal(states(life.watch)['boats.sea.example.com'], 'watched');
    await endLife(life);
  }, true);
});

test('a kind that went while the agent was away takes no version with it in silence', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    admin.create(boatDefinition);
    const knownPath = join(folder, 'known.db');
    let sink = new RecordingSink();
    const first = await begin({ knownPath, sink });
    await first.watch.ready;
    await until(() => states(first.watch)['boats.sea.example.com'] === 'watched', 'boats are watched');
    await endLife(first);
    const metadata = { name: 'unseen', namespace: 'default' };
    admin.create({ apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata, spec: { sails: 2 } });
    admin.delete(boatDefinitionName);
    sink = new RecordingSink(() => 1, sink.messages);
    const before = sink.messages.length;
    const second = await begin({ knownPath, sink });
    await until(() => states(second.watch)['boats.sea.example.com'] === 'gone', 'boats are gone');
    const gapsTold = (): readonly Gap[] =>
      sink.messages.slice(before).flatMap(({ body }) => (body.type === 'gap' ? [body] : []));
    // That a kind is gone is known here before the sink has what was said of it.
    await until(() => gapsTold().length > 0, 'what nobody saw is confessed');
    const told = gapsTold();
    // A second one tells of the kind's end where a discovery still saw it in between.
    assert.ok(told.length === 1 || told.length === 2, JSON.stringify(told));
    for (const { cause, resource } of told) assert.deepEqual([cause, resource], ['relist', 'boats']);
    assert.ok(Number(told[0]?.fromVersion) > 0 && Number(told[0]?.toVersion) > Number(told[0]?.fromVersion));
    await endLife(second);
  }, true);
});

test('a kind that came and went before anybody looked is confessed', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const limits = { discoveryDebounceMs: 1_500 };
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, limits, onDigest: () => undefined });
    await life.watch.ready;
    // What the first lists set off is over.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    admin.create(boatDefinition);
    admin.delete(boatDefinitionName);
    const boatGaps = (): readonly Gap[] => gaps(sink).filter(({ resource }) => resource === 'boats');
    await until(() => boatGaps().length > 0, 'the gap is told');
    await until(() => states(life.watch)['boats.sea.example.com'] === 'gone', 'boats are gone');
    assert.deepEqual(
      boatGaps().map(({ cause, fromVersion, toVersion }) => [cause, fromVersion, Number(toVersion) > 0]),
      [['relist', '0', true]],
    );
    // When it comes back, that is no first sight of it: what its list shows is told, not compared.
    const { toVersion: goneVersion = '' } = boatGaps()[0] ?? {};
    admin.create(boatDefinition);
    admin.create({ apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata: { name: 'back', namespace: 'default' } });
    await until(() => states(life.watch)['boats.sea.example.com'] === 'watched', 'boats are watched');
    await until(() => boatGaps().length > 1, 'its list is told');
    assert.deepEqual(
      boatGaps()
        .slice(1)
        .map(({ cause, fromVersion }) => [cause, fromVersion]),
      [['relist', goneVersion]],
    );
    assert.ok(
      sink.messages.some(({ body }) => body.type === 'delta' && body.ref.name === 'back'),
      'the boat is told',
    );
    await endLife(life);
  }, true);
});

test('a kind that came back and went again before it was listed is confessed', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    let isSilent = false;
    let asked = 0;
    const throughKube = (kube: KubeClient): KubeClient => ({
      close: () => kube.close(),
      getJson: (path, options) => kube.getJson(path, options),
      async stream(path, options) {
        if (!isSilent || !path.includes('sea.example.com')) return kube.stream(path, options);
        asked += 1;
        const aborted = Promise.withResolvers<never>();
        options?.signal?.addEventListener('abort', () => aborted.reject(new Error('aborted')));
        return aborted.promise;
      },
    });
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, throughKube });
    await life.watch.ready;
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    const boatsAre = (state: string) =>
      until(() => states(life.watch)['boats.sea.example.com'] === state, `boats are ${state}`);
    admin.create(boatDefinition);
    await boatsAre('watched');
    admin.delete(boatDefinitionName);
    await boatsAre('gone');
    const boatGaps = (): readonly Gap[] => gaps(sink).filter(({ resource }) => resource === 'boats');
    const before = boatGaps().length;
    isSilent = true;
    admin.create(boatDefinition);
    await until(() => asked > 0, 'boats are asked for');
    admin.create({ apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata: { name: 'lost', namespace: 'default' } });
    admin.delete(boatDefinitionName);
    await until(() => boatGaps().length > before, 'what nobody saw is confessed');
    await boatsAre('gone');
    isSilent = false;
    admin.create(boatDefinition);
    await boatsAre('watched');
    await endLife(life);
  }, true);
});

test('a kind whose definition a list shows to be gone is confessed, when nobody had found it before', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const [isLooking, isWatching, hasExpired] = [{ is: true }, { is: true }, { is: false }];
    const throughKube = (kube: KubeClient): KubeClient => ({
      close: () => kube.close(),
      async getJson(path, options) {
        if (!isLooking.is && (path === '/api' || path === '/apis')) throw new KubeError('network', 'no list of kinds');
        return kube.getJson(path, options);
      },
      async stream(path, options) {
        if (!path.includes('customresourcedefinitions')) return kube.stream(path, options);
        if (!isWatching.is) throw new KubeError('network', 'no definitions');
        if (!hasExpired.is || !path.includes('resourceVersion=')) return kube.stream(path, options);
        hasExpired.is = false;
        throw new KubeError('expired', 'too old', { status: 410 });
      },
    });
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, throughKube });
    await life.watch.ready;
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    isLooking.is = false;
    admin.create(boatDefinition);
    const defined = (op: string): boolean =>
      sink.messages.some(
        ({ body }) => body.type === 'delta' && body.ref.name === 'boats.sea.example.com' && body.op === op,
      );
    await until(() => defined('created'), 'the definition is told');
    [isWatching.is, hasExpired.is] = [false, true];
    cluster.cutConnections();
    admin.delete(boatDefinitionName);
    [isWatching.is, isLooking.is] = [true, true];
    await until(() => defined('deleted'), 'its end is told');
    await until(() => gaps(sink).some(({ resource }) => resource === 'boats'), 'what nobody saw is confessed');
    await endLife(life);
  }, true);
});

test('a kind that is back when its former life is confessed is not said to be gone', async () => {
  await withCluster(async ({ cluster, folder, begin }) => {
    const sink = new RecordingSink();
    const admin = cluster.actor({ user: 'root', userAgent: 'x', sourceIp: '10.0.0.1', isTrusted: true });
    const boat = { apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata: { name: 'back', namespace: 'default' } };
    const before = new Map<string, unknown>();
    let [isOld, hasGone] = [true, false];
    const throughKube = (kube: KubeClient): KubeClient => ({
      close: () => kube.close(),
      stream: (path, options) => kube.stream(path, options),
      async getJson(path, options) {
        const isOfKinds = path === '/api' || path === '/apis';
        if (isOfKinds && isOld && !before.has(path)) before.set(path, await kube.getJson(path, options));
        if (isOfKinds && isOld) return before.get(path);
        // It is asked for a version at which the kind is not there.
        if (isOld && hasGone && path.includes('customresourcedefinitions?limit=1')) {
          admin.create(boatDefinition);
          admin.create(boat);
          isOld = false;
          const answer = await kube.getJson(path, options);
          admin.patch({ ...boat, ...boat.metadata }, 'merge', { metadata: { labels: { later: 'yes' } } });
          return answer;
        }
        return kube.getJson(path, options);
      },
    });
    const life = await begin({ knownPath: join(folder, 'known.db'), sink, throughKube });
    await life.watch.ready;
    admin.create(boatDefinition);
    admin.delete(boatDefinitionName);
    hasGone = true;
    const isWatched = (): boolean =>
      sink.messages.some(
        ({ body }) => body.type === 'coverage' && body.resource === 'boats' && body.state === 'watched',
      );
    await until(isWatched, 'boats are watched');
    assert.ok(
      sink.messages.some(({ body }) => body.type === 'delta' && body.ref.name === 'back'),
      'the boat is told',
    );
    const boatGaps = gaps(sink).filter(({ resource }) => resource === 'boats');
    assert.deepEqual(
      boatGaps.map(({ cause, fromVersion }) => [cause, fromVersion]),
      [['relist', '0']],
      'one that reaches to its list, and none that ends while the boat was there',
    );
    await endLife(life);
  }, true);
});
