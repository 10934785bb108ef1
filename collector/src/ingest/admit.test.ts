import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, batchFault } from './admit.ts';
import { defaultIngestLimits } from './limits.ts';

const item = (firstSequence: number, lastSequence: number, oldestSequence = 1) => ({
  stream: { tenant: 't', cluster: 'c', epoch: 'e' },
  oldestSequence,
  batch: {
    firstSequence,
    lastSequence,
    compression: 'none' as const,
    uncompressedBytes: 1,
    payload: new Uint8Array(1),
  },
});

test('the batch that continues the stream is admitted whole', () => {
  assert.deepEqual(admit(5, item(5, 9)), { type: 'admitted', fromSequence: 5, missing: undefined });
  assert.deepEqual(admit(1, item(1, 1)), { type: 'admitted', fromSequence: 1, missing: undefined });
});

test('a batch at or below the last sequence is a duplicate', () => {
  assert.deepEqual(admit(10, item(5, 9)), { type: 'duplicate' });
  assert.deepEqual(admit(10, item(1, 1)), { type: 'duplicate' });
});

test('a batch that straddles cannot block the line: what is new of it is applied', () => {
  assert.deepEqual(admit(7, item(5, 9)), { type: 'admitted', fromSequence: 7, missing: undefined });
});

test('a hole is asked for from its start, as far as the agent holds it', () => {
  assert.deepEqual(admit(5, item(8, 9)), { type: 'hole', resendFrom: 5 });
  assert.deepEqual(admit(5, item(8, 9, 7)), { type: 'hole', resendFrom: 7 });
});

test('a hole that the agent no longer holds is missing for good', () => {
  const missing = { fromSequence: 5, toSequence: 7 };
  assert.deepEqual(admit(5, item(8, 9, 8)), { type: 'admitted', fromSequence: 8, missing });
});

test('a batch outside its bounds is named as such', () => {
  const fault = (change: object): string | undefined =>
    batchFault({ ...item(1, 1).batch, ...change }, defaultIngestLimits);
  assert.equal(fault({}), undefined);
  assert.match(fault({ firstSequence: 0 }) ?? '', /whole numbers from 1/);
  assert.match(fault({ lastSequence: Number.MAX_SAFE_INTEGER + 1 }) ?? '', /whole numbers/);
  assert.match(fault({ firstSequence: 3, lastSequence: 2 }) ?? '', /before the first/);
  assert.match(fault({ lastSequence: 10_000_000 }) ?? '', /messages are more/);
  assert.match(fault({ payload: new Uint8Array(0) }) ?? '', /empty/);
  assert.match(fault({ payload: new Uint8Array(defaultIngestLimits.batchBytes + 1) }) ?? '', /bytes are more/);
  assert.match(fault({ uncompressedBytes: 1e12 }) ?? '', /uncompressed/);
});
