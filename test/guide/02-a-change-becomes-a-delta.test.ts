/**
 * Chapter 2: a change becomes a delta.
 *
 * What the API server reports is an object at a resourceVersion. What leaves the cluster is smaller and safer:
 *
 *   normalise   drop what says nothing about posture (managedFields, resourceVersion, uninteresting status)
 *   redact      replace every secret by its class and a keyed digest: `redacted(password):…`
 *   canonical   one spelling of the JSON, so that equal means equal
 *   hash, diff  compare with what was sent last: nothing new sends nothing, something new sends a JSON Patch
 *
 * All of it is agent/src/capture: pure functions; what was sent last comes in and goes out as a value.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JsonObject, applyPatch, canonicalJson, parsePatch } from '@driftline/proto';
import { captureObject } from '../../agent/src/capture/capture.ts';
import type { KnownObject } from '../../agent/src/known/known.ts';
import { after, before, binding, hmac, roleBindings, sha256 } from './the-change.ts';

const see = (object: JsonObject, known: KnownObject | undefined, kind = roleBindings as Kind) =>
  captureObject(
    { kind, object, known, sight: known === undefined ? 'first-list' : 'modified', notBeforeUs: 0, floorUs: 0 },
    { hmac, sha256 },
  );
type Kind = { readonly group: string; readonly version: string; readonly resource: string; readonly kind: string };

test('first the whole object, then only what changed', () => {
  const first = see(before, undefined);
  assert.ok(first.type === 'changed');
  const [snapshot] = first.deltas;
  assert.equal(snapshot?.op, 'snapshot');
  assert.equal(snapshot.resourceVersion, '4711');
  // The form that travels has no managedFields and no resourceVersion any more, and its keys are sorted.
  assert.equal(snapshot.full?.includes('managedFields'), false);
  assert.ok(
    snapshot.full?.startsWith('{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{'),
  );

  const second = see(after, first.object);
  assert.ok(second.type === 'changed');
  const [delta] = second.deltas;
  assert.equal(delta?.op, 'modified');
  assert.equal(
    delta.patch,
    '[{"op":"add","path":"/subjects/1","value":{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"system:unauthenticated"}}]',
  );
  // The patch names the form that it applies to, and what must come out.
  assert.equal(delta.baseHash, snapshot.contentHash);
  const patched = applyPatch(JSON.parse(snapshot.full ?? ''), parsePatch(delta.patch ?? ''));
  assert.equal(sha256(canonicalJson(patched)), delta.contentHash);
  // managedFields are read before they are dropped: who says to own the changed fields is evidence.
  assert.deepEqual(
    delta.managers.map(({ manager, operation, paths }) => ({ manager, operation, paths })),
    [{ manager: 'kubectl-edit', operation: 'Update', paths: ['/subjects/1'] }],
  );
});

test('a new resourceVersion with the same content is no change', () => {
  const first = see(before, undefined);
  assert.ok(first.type === 'changed');
  assert.deepEqual(see(binding('4713', ['shop-developers']), first.object), { type: 'unchanged' });
});

test('secrets stay home: what leaves is their class and a digest that only this cluster can make', () => {
  const pods = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };
  const pod = (password: string): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'checkout', namespace: 'shop', uid: 'p-1', resourceVersion: '1' },
    spec: { containers: [{ name: 'web', image: 'shop/web:1', env: [{ name: 'DB_PASSWORD', value: password }] }] },
  });
  const first = see(pod('correct horse battery'), undefined, pods);
  assert.ok(first.type === 'changed');
  const [snapshot] = first.deltas;
  assert.equal(snapshot?.full?.includes('correct horse'), false);
  assert.match(snapshot?.full ?? '', /"env":\[\{"name":"DB_PASSWORD","value":"redacted\([a-z-]+\):[\w-]{22}"\}\]/);
  // The same secret gives the same digest, another one another: that it changed is visible, what it is never.
  assert.equal(see({ ...pod('correct horse battery') }, first.object, pods).type, 'unchanged');
  const second = see(pod('Tr0ub4dor&3'), first.object, pods);
  assert.ok(second.type === 'changed');
  assert.match(second.deltas[0]?.patch ?? '', /^\[\{"op":"replace","path":"\/spec\/containers\/0\/env\/0\/value"/);
});
