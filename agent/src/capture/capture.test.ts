import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { test } from 'node:test';
import { type Delta, type Json, type JsonObject, applyPatch, canonicalJson, parsePatch } from '@driftline/proto';
import * as fc from 'fast-check';
import type { ApiKind } from '../kube/api-kind.ts';
import type { KnownObject } from '../known/known.ts';
import { type Captured, type Observation, captureDelete, captureObject, captureWhole } from './capture.ts';
import { normalise } from './normalise.ts';

const ports = {
  hmac: (text: string) => createHmac('sha256', 'key').update(text).digest('base64url').slice(0, 22),
  sha256: (text: string) => hash('sha256', text),
};
const deployments: ApiKind = { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment' };
const pods: ApiKind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };
const secrets: ApiKind = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret' };

function capture(kind: ApiKind, object: JsonObject, rest: Partial<Observation> = {}): Captured {
  return captureObject(
    { kind, object, sight: 'modified', known: undefined, notBeforeUs: 5, floorUs: 3, ...rest },
    ports,
  );
}

function changed(captured: Captured): { readonly deltas: readonly Delta[]; readonly object: KnownObject } {
  assert.equal(captured.type, 'changed');
  return captured.type === 'changed' ? captured : { deltas: [], object: {} as KnownObject };
}

function apply(before: string, delta: Delta): string {
  return delta.full ?? canonicalJson(applyPatch(JSON.parse(before) as Json, parsePatch(delta.patch ?? '')));
}

const key = fc.oneof(
  fc.constantFrom('spec', 'status', 'data', 'metadata', '__proto__', 'constructor', 'password', 'image', 'name', ''),
  fc.string({ maxLength: 6 }),
);
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<Json>(null, true, 0, 'x', 'redis://u:hunter2@db'),
    fc.string({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as Json),
  ),
})).value;
const body = fc
  .array(fc.tuple(key, json), { maxLength: 5 })
  .map((entries) => Object.fromEntries(entries) as JsonObject);

function withMetadata(object: JsonObject, version: number, extra: JsonObject = {}): JsonObject {
  return {
    ...object,
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: String(version), ...extra },
  };
}

test('the deltas of any history lead from each sent form to the next, and say nothing when nothing changed', () => {
  fc.assert(
    fc.property(
      fc.array(body, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(pods, deployments, secrets),
      (history, kind) => {
        let known: KnownObject | undefined;
        let form = '';
        for (const [index, object] of history.entries()) {
          const captured = capture(kind, withMetadata(object, index), { known });
          const again = capture(kind, withMetadata(object, index + 100), {
            known: captured.type === 'changed' ? captured.object : known,
          });
          assert.equal(again.type, 'unchanged');
          if (captured.type !== 'changed') continue;
          assert.equal(captured.deltas.length, 1);
          for (const delta of captured.deltas) {
            assert.equal(delta.baseHash, delta.patch === undefined ? '' : ports.sha256(form));
            form = apply(form, delta);
            assert.equal(ports.sha256(form), delta.contentHash);
            assert.equal(captured.object.contentHash, delta.contentHash);
            assert.equal(captureWhole(delta.ref, captured.object).full, form);
          }
          known = captured.object;
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('dropping noise twice is dropping it once, and never alters its argument', () => {
  fc.assert(
    fc.property(
      body,
      fc.constantFrom('pods', 'nodes', 'leases.coordination.k8s.io', 'boats.example.com'),
      (object, name) => {
        const before = structuredClone(object);
        const once = normalise(object, name);
        assert.deepEqual(normalise(once, name), once);
        assert.deepEqual(object, before);
      },
    ),
  );
});

test('heartbeats are no change; the image that really runs is', () => {
  const pod = (version: number, status: JsonObject): JsonObject =>
    withMetadata({ spec: { nodeName: 'n1' }, status }, version, {
      generation: version,
      managedFields: [{ time: String(version) }],
    });
  const ready = (at: string): JsonObject => ({ conditions: [{ type: 'Ready', status: 'True', lastProbeTime: at }] });
  const image = (id: string): JsonObject => ({ containerStatuses: [{ name: 'web', imageID: id, restartCount: 3 }] });
  const { object: known } = changed(capture(pods, pod(1, { ...ready('1'), ...image('sha256:a') })));
  assert.equal(capture(pods, pod(2, { ...ready('2'), ...image('sha256:a') }), { known }).type, 'unchanged');
  const { deltas } = changed(capture(pods, pod(3, { ...ready('2'), ...image('sha256:b') }), { known }));
  const form = JSON.parse(
    apply(changed(capture(pods, pod(1, image('sha256:a')))).deltas[0]?.full ?? '', deltas[0]!),
  ) as JsonObject;
  assert.deepEqual(form['status'], { containerStatuses: [{ name: 'web', imageID: 'sha256:b' }] });
});

test('a node keeps its versions and conditions, without their times', () => {
  const node = {
    status: {
      nodeInfo: { kubeletVersion: 'v1.33.1' },
      images: [1],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: 't' }],
    },
  };
  assert.deepEqual(normalise(node, 'nodes')['status'], {
    nodeInfo: { kubeletVersion: 'v1.33.1' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
  });
});

test('what an object not known before is called depends on how it was seen', () => {
  const ops = (['first-list', 'relist', 'added', 'modified'] as const).map(
    (sight) => changed(capture(pods, withMetadata({}, 1), { sight })).deltas[0]?.op,
  );
  assert.deepEqual(ops, ['snapshot', 'created', 'created', 'snapshot']);
});

test('another object of the same name ends the one before', () => {
  const first = changed(capture(pods, withMetadata({ spec: { a: 1 } }, 1)));
  const { deltas } = changed(
    capture(pods, withMetadata({ spec: { a: 1 } }, 9, { uid: 'u2' }), { known: first.object }),
  );
  assert.deepEqual(
    deltas.map(({ op, ref, synthesised }) => [op, ref.uid, synthesised]),
    [
      ['deleted', 'u1', true],
      ['created', 'u2', false],
    ],
  );
});

test('a change of the served version is marked', () => {
  const first = changed(capture(deployments, withMetadata({ apiVersion: 'apps/v1beta1' }, 1)));
  const { deltas } = changed(capture(deployments, withMetadata({ apiVersion: 'apps/v1' }, 1), { known: first.object }));
  assert.equal(deltas[0]?.versionSwitch, true);
});

test('no byte of a secret value leaves', () => {
  const canary = 'Y2FuYXJ5LXZhbHVl';
  const { deltas, object } = changed(capture(secrets, withMetadata({ data: { token: canary } }, 1)));
  assert.ok(!JSON.stringify(deltas).includes(canary));
  assert.ok(!(captureWhole(deltas[0]!.ref, object).full ?? '').includes(canary));
});

const team = { manager: 'helm', operation: 'Update', time: '2026-01-01T00:00:00Z' };
const hand = { manager: 'kubectl-edit', operation: 'Update', time: '2026-01-01T02:00:00Z' };

test('changed fields are attributed to who owns them now, removed ones to who owned them', () => {
  const container = { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:env': {} } };
  const first = changed(
    capture(
      deployments,
      withMetadata({ spec: { containers: [{ name: 'side' }, { name: 'web', image: 'a', env: ['x'] }] } }, 1, {
        managedFields: [{ ...team, fieldsV1: { 'f:spec': { 'f:containers': container } } }],
      }),
    ),
  );
  const { deltas } = changed(
    capture(
      deployments,
      withMetadata({ spec: { containers: [{ name: 'side' }, { name: 'web', image: 'b' }] } }, 2, {
        managedFields: [
          { ...team, fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {} } } } } },
          { ...hand, fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:image': {} } } } } },
        ],
      }),
      { known: first.object },
    ),
  );
  const evidence = Object.fromEntries(deltas[0]!.managers.map(({ manager, paths }) => [manager, paths]));
  assert.deepEqual(evidence, { 'kubectl-edit': ['/spec/containers/1/image'], helm: ['/spec/containers/1/env'] });
  assert.equal(deltas[0]!.managers[0]?.timeUs, Date.parse(hand.time) * 1000);
});

test('managed fields of any shape are evidence or nothing, never an error', () => {
  fc.assert(
    fc.property(json, json, body, (managed, later, object) => {
      const first = changed(capture(deployments, withMetadata(object, 1, { managedFields: managed })));
      const next = { ...object, spec: { changed: 'yes', at: ['a', { name: 'b' }] } };
      const fields = [{ manager: 'm', fieldsV1: later }];
      changed(capture(deployments, withMetadata(next, 2, { managedFields: fields }), { known: first.object }));
    }),
  );
});

test('an end that nobody reported names the last managers', () => {
  const { object, deltas } = changed(
    capture(deployments, withMetadata({ spec: {} }, 1, { managedFields: [{ ...team, fieldsV1: { 'f:spec': {} } }] })),
  );
  const ended = captureDelete({ ref: deltas[0]!.ref, known: object, resourceVersion: '7', notBeforeUs: 3 });
  assert.deepEqual(
    [ended.op, ended.synthesised, ended.contentHash, ended.managers.map(({ manager }) => manager)],
    ['deleted', true, '', ['helm']],
  );
});

test('an object without a name is unreadable', () => {
  assert.equal(capture(pods, { metadata: {} }).type, 'unreadable');
  assert.equal(capture(pods, {}).type, 'unreadable');
});
