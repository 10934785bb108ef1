/**
 * Chapter 5: it is admitted and applied.
 *
 * The collector's line begins with two questions. Admit: is this batch the next one of its stream? One that was seen
 * before is acknowledged and dropped; one beyond a hole is not taken, the hole is asked for. Apply: does the patch fit?
 * It is put onto the last known form and the result must have the hash that the agent announced. What does not fit is
 * asked for whole: never guessed.
 *
 * collector/src/ingest/admit.ts and collector/src/inventory.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch, Delta } from '@driftline/proto';
import { captureObject } from '../../agent/src/capture/capture.ts';
import { admit } from '../../collector/src/ingest/admit.ts';
import { applyDelta } from '../../collector/src/inventory/apply-delta.ts';
import { createInventory } from '../../collector/src/inventory/inventory.ts';
import { after, before, hmac, roleBindings, sha256 } from './the-change.ts';

test('a batch is the next one, one seen before, or proof that some are missing', () => {
  const batch = (firstSequence: number, lastSequence: number): Batch => ({
    firstSequence,
    lastSequence,
    compression: 'none',
    uncompressedBytes: 0,
    payload: new Uint8Array(),
  });
  const stream = { tenant: 'default', cluster: 'east', epoch: 'e1' };
  const offer = (nextSequence: number, offered: Batch, oldestSequence = 1) =>
    admit(nextSequence, { stream, oldestSequence, batch: offered });

  assert.deepEqual(offer(5, batch(5, 7)), { type: 'admitted', fromSequence: 5, missing: undefined });
  assert.deepEqual(offer(5, batch(3, 4)), { type: 'duplicate' });
  assert.deepEqual(offer(5, batch(8, 9)), { type: 'hole', resendFrom: 5 });
  // Unless the agent has said that it no longer holds them: then the line goes on, and the loss becomes a gap record.
  assert.deepEqual(offer(5, batch(8, 9), 8), {
    type: 'admitted',
    fromSequence: 8,
    missing: { fromSequence: 5, toSequence: 7 },
  });
});

/** What the agent sends for the change of this guide. */
function deltas(): { snapshot: Delta; change: Delta } {
  const ports = { hmac, sha256 };
  const first = captureObject(
    { kind: roleBindings, object: before, known: undefined, sight: 'first-list', notBeforeUs: 0, floorUs: 0 },
    ports,
  );
  assert.ok(first.type === 'changed');
  const second = captureObject(
    { kind: roleBindings, object: after, known: first.object, sight: 'modified', notBeforeUs: 0, floorUs: 0 },
    ports,
  );
  assert.ok(second.type === 'changed');
  return { snapshot: first.deltas[0]!, change: second.deltas[0]! };
}

test('a patch is applied when its base and its result are what the agent says', () => {
  const { snapshot, change } = deltas();
  const inventory = createInventory();
  assert.equal(applyDelta(inventory, snapshot, 'e1').type, 'version');
  const applied = applyDelta(inventory, change, 'e1');
  assert.ok(applied.type === 'version');
  assert.deepEqual(applied.paths, ['/subjects/1']);
  assert.ok(applied.text.includes('"name":"system:unauthenticated"'));
  assert.equal(sha256(applied.text), change.contentHash);
  // Once more changes nothing.
  assert.deepEqual(applyDelta(inventory, change, 'e1'), { type: 'duplicate' });
});

test('a patch that does not fit is never guessed', () => {
  const { change } = deltas();
  const asked = applyDelta(createInventory(), change, 'e1');
  assert.ok(asked.type === 'need-full');
  assert.equal(asked.ref.name, 'shop-developers');
  assert.equal(asked.reason, 'a patch for an object that is not known');
});
