/**
 * What an API server and its objects can do to an agent: forget its history, break its lines, hold huge or hostile
 * objects, bring kinds and take them away, forbid them, go away and return. The agent never stops, never guesses, and
 * confesses in a gap what it could not see; afterwards the timeline replays to what the cluster has.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiObjectState } from '@driftline/proto';
import { type EmbeddedSystem, openEmbeddedSystem } from '../fakes/embedded-system.ts';
import { until } from '../fakes/embedded/process.ts';
import { type RecordingProxy, openRecordingProxy } from '../fakes/embedded/recording-proxy.ts';
import type { JsonObject } from '../fakes/practice-cluster/index.ts';

let system: EmbeddedSystem;
let proxy: RecordingProxy;
before(async () => {
  system = await openEmbeddedSystem({
    audit: false,
    cluster: { controllers: true },
    clusterPort: async (port) => {
      proxy = await openRecordingProxy(port);
      return proxy.port;
    },
  });
});
after(async () => {
  await system.close();
  await proxy.close();
});

const configMap = (name: string, data: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});
const target = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name });
const create = (name: string, data?: JsonObject) => system.actor().create(configMap(name, data));
const change = (name: string, data: JsonObject) => system.actor().patch(target(name), 'merge', { data });
const versionOf = (name: string) => system.cluster.store.get('configmaps', 'default', name)?.metadata.resourceVersion;

const gapsSince = async (before: number) => (await system.timeline.gaps()).slice(before);
const gapCount = async () => (await system.timeline.gaps()).length;
const told = (name: string) => system.timeline.versionsOf(name);

describe('history that is gone', () => {
  test('410 after an absence: one gap for the kind, from the last version seen to the list, and deletes as inferred', async () => {
    create('stays', { n: '1' });
    create('goes');
    await system.settled();
    const lastSeen = versionOf('goes');
    await system.stopAgent();
    const count = await gapCount();
    change('stays', { n: '2' });
    change('stays', { n: '3' });
    system.actor().delete(target('goes'));
    create('came');
    system.cluster.compact();
    const newest = Number(versionOf('came'));
    await system.startAgent();
    await system.settled();
    // A gap is told where its list ends, after the objects; and every kind has to list anew.
    const kinds = (await system.status()).coverage.filter(
      ({ group, state }) => state === 'watched' && group !== 'audit.k8s.io',
    );
    const isConfessed = async () => {
      const told = await gapsSince(count);
      return kinds.every((kind) => told.some((gap) => gap.group === kind.group && gap.resource === kind.resource));
    };
    await until(isConfessed, 'every kind has its gap');

    const gaps = await gapsSince(count);
    const [gap] = gaps.filter(({ resource }) => resource === 'configmaps');
    assert.equal(gap?.cause, 'relist');
    assert.ok(Number(gap.fromVersion) >= Number(lastSeen), `${gap.fromVersion} is not before ${lastSeen}`);
    assert.ok(Number(gap.toVersion) >= newest);
    assert.equal(gaps.filter(({ resource }) => resource === 'configmaps').length, 1);
    // What lies in the gap is not made up: the last state is told, the one in between is not.
    assert.deepEqual(
      (await told('stays')).map(({ op, body }) => [op, (JSON.parse(body) as { data: { n: string } }).data.n]),
      [
        ['created', '1'],
        ['modified', '3'],
      ],
    );
    assert.deepEqual(
      (await told('goes')).map(({ op, synthesised }) => [op, synthesised]),
      [
        ['created', false],
        ['deleted', true],
      ],
    );
    assert.deepEqual(
      (await told('came')).map(({ op }) => op),
      ['created'],
    );
  });

  test('an API server that goes away and returns: nothing lost, nothing to confess', async () => {
    const count = await gapCount();
    create('patient', { n: '0' });
    proxy.refuse(true);
    proxy.cut();
    for (let n = 1; n <= 30; n += 1) change('patient', { n: String(n) });
    await sleep(400);
    proxy.refuse(false);
    await system.settled();
    assert.equal((await told('patient')).length, 31);
    assert.deepEqual(await gapsSince(count), []);
  });
});

describe('input that cannot be read', () => {
  const named = (apiVersion: string, kind: string, name: string, rest: JsonObject = {}): JsonObject => ({
    apiVersion,
    kind,
    metadata: { name, namespace: 'default', annotations: { text: 'as it is' } },
    ...rest,
  });
  /** A broken line in the watch of a kind, and what is created of that kind right after. */
  const cases = [
    ['configmaps', '{"type":"MODIFIED","object":{"kind":"ConfigMap","metadata":{"name":"ha', configMap('half-json')],
    ['services', '["MODIFIED"]', named('v1', 'Service', 'no-event', { spec: { ports: [{ port: 80 }] } })],
    ['serviceaccounts', '{"type":"MODIFIED"}', named('v1', 'ServiceAccount', 'no-object')],
    ['resourcequotas', '{"type":"ADDED","object":{"metadata":{}}}', named('v1', 'ResourceQuota', 'no-name')],
    [
      'roles.rbac.authorization.k8s.io',
      `{"type":"ADDED","object":${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}}`,
      named('rbac.authorization.k8s.io/v1', 'Role', 'too-deep', { rules: [] }),
    ],
  ] as const;

  test('broken lines: each rejected and counted, and what follows is told', async () => {
    const count = (await system.timeline.rejected()).length;
    for (const [key, line, object] of cases) {
      await until(() => system.cluster.injectRawWatchLine(key, `${line}\n`) > 0, `a watch of ${key} is open`);
      system.actor().create(object);
    }
    await system.settled();
    await until(async () => (await system.timeline.rejected()).length >= count + cases.length, 'all are rejected');
    const rejected = (await system.timeline.rejected()).slice(count);
    assert.equal(rejected.length, cases.length, JSON.stringify(rejected));
    // Why, never what.
    assert.doesNotMatch(JSON.stringify(rejected), /"ha|MODIFIED/);
    for (const [, , object] of cases) {
      const { name } = object['metadata'] as { name: string };
      assert.deepEqual(
        (await told(name)).map(({ op }) => op),
        ['created'],
        name,
      );
    }
  });

  test('invalid UTF-8: rejected, not repaired by guess; read once it is valid', async () => {
    const count = (await system.timeline.rejected()).length;
    const token = Buffer.from('TO-BE-BROKEN-ON-THE-WAY');
    proxy.alter((chunk) => {
      const at = chunk.indexOf(token);
      if (at < 0) return chunk;
      const broken = Buffer.from(chunk);
      broken.fill(0xff, at, at + 4);
      return broken;
    });
    const metadata = { name: 'latin', namespace: 'default', annotations: { text: token.toString() } };
    system.actor().create({ apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: [] } });
    await until(async () => (await system.timeline.rejected()).length > count, 'it is rejected');
    assert.deepEqual(await told('latin'), []);
    proxy.alter(undefined);
    await system.settled();
    const [version, ...others] = await told('latin');
    assert.ok(version?.body.includes(token.toString()));
    assert.deepEqual(others, []);
  });
});

describe('objects that are hard to take', () => {
  test('1.5 MB', async () => {
    // A ConfigMap may hold 1 MiB; the store takes 1.5 MiB of anything.
    const data = { text: 'x'.repeat(1_000_000), other: 'y<&">\u2028'.repeat(50_000) };
    const huge = { ...target('huge'), apiVersion: 'apps/v1', kind: 'ControllerRevision' };
    const { apiVersion, kind, name, namespace } = huge;
    system.actor().create({ apiVersion, kind, metadata: { name, namespace }, revision: 1, data });
    await system.settled();
    const [version] = await told('huge');
    assert.ok((version?.body.length ?? 0) > 1_300_000);
    system.actor().patch(huge, 'merge', { data: { small: 'change' } });
    await system.settled();
    assert.equal((await told('huge')).length, 2);
  });

  test('hostile keys are data like any other', async () => {
    const data = JSON.parse('{"__proto__":"polluted","constructor":"c","toString":"t","a.b":"d"}') as JsonObject;
    create('hostile', data);
    system
      .actor()
      .request(
        'PATCH',
        '/api/v1/namespaces/default/configmaps/hostile',
        JSON.parse('{"data":{"__proto__":"again","hasOwnProperty":"h"}}'),
        'application/merge-patch+json',
      );
    await system.settled();
    const [state] = await system.all<ApiObjectState>('objects?kind=configmaps&name=hostile');
    const stored = Object.entries((state!.body as { data: JsonObject }).data);
    assert.deepEqual(Object.fromEntries(stored), {
      ...data,
      ...JSON.parse('{"__proto__":"again"}'),
      hasOwnProperty: 'h',
    });
    assert.ok(stored.some(([key, value]) => key === '__proto__' && value === 'again'));
    assert.equal(({} as { polluted?: string }).polluted, undefined);
    assert.equal((await told('hostile')).length, 2);
  });
});

describe('kinds that come, go and may not be read', () => {
  const coverageOf = async (resource: string) =>
    (await system.status()).coverage.find((each) => each.resource === resource)?.state;

  test('a kind appears with its CRD and goes with it', async () => {
    const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: open } }];
    const names = { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' };
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      name: 'boats.sea.example.com',
    };
    system.actor().create({
      apiVersion: crd.apiVersion,
      kind: crd.kind,
      metadata: { name: crd.name },
      spec: { group: 'sea.example.com', scope: 'Namespaced', names, versions },
    });
    const metadata = { name: 'one', namespace: 'default' };
    system.actor().create({ apiVersion: 'sea.example.com/v1', kind: 'Boat', metadata, spec: { sails: 2 } });
    await until(async () => (await coverageOf('boats')) === 'watched', 'boats are watched');
    await system.settled();
    system.actor().delete(crd);
    await until(async () => (await coverageOf('boats')) === 'gone', 'boats are gone');
    await system.settled();
    assert.equal((await told('one')).at(-1)?.op, 'deleted');
  });

  test('without permission for a kind it is told as forbidden, and everything else goes on', async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'driftline-agent' };
    const verbs = ['get', 'list', 'watch'];
    const others = { apiGroups: [''], resources: ['configmaps', 'namespaces', 'pods'], verbs };
    system.actor().patch(role, 'merge', { rules: [others] });
    await system.settled();
    await system.stopAgent();
    await system.startAgent();
    create('seen-anyway');
    await until(async () => (await coverageOf('secrets')) === 'forbidden', 'secrets are forbidden');
    await until(async () => (await told('seen-anyway')).length === 1, 'the rest goes on');
    assert.equal(await coverageOf('configmaps'), 'watched');
    assert.match((await system.cli('status')).out, /Secret.*forbidden|forbidden.*ecret/i);

    system.actor().patch(role, 'merge', { rules: [{ apiGroups: ['*'], resources: ['*'], verbs }] });
    await system.stopAgent();
    await system.startAgent();
    await system.settled();
    await until(async () => (await coverageOf('secrets')) === 'watched', 'secrets are watched');
  });
});
