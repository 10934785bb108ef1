import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createBackoff } from './backoff.ts';
import { createByteBudget } from './byte-budget.ts';
import { createSlots } from './slots.ts';

test('the budget is never overdrawn, and bytes are granted in the order they were asked for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 20 }), async (requests) => {
      const budget = createByteBudget(100);
      const granted: number[] = [];
      const all = requests.map(async (bytes, index) => {
        await budget.take(bytes);
        granted.push(index);
        assert.ok(budget.heldBytes() <= Math.max(100, bytes));
        await new Promise((resolve) => setImmediate(resolve));
        budget.give(bytes);
      });
      await Promise.all(all);
      assert.equal(budget.heldBytes(), 0);
      assert.deepEqual(
        granted,
        requests.map((_, index) => index),
      );
    }),
    { numRuns: 30 },
  );
});

test('places are bounded, given in order, and given back by those who leave', async () => {
  const slots = createSlots(2);
  const open = new AbortController();
  const first = await slots.acquire(open.signal);
  await slots.acquire(open.signal);
  const leaving = new AbortController();
  const gone = slots.acquire(leaving.signal);
  let isThird = false;
  const third = slots.acquire(open.signal).then((release) => {
    isThird = true;
    return release;
  });
  leaving.abort(new Error('left'));
  await assert.rejects(gone, /left/);
  assert.equal(isThird, false);
  first();
  first();
  await third;
  let isFourth = false;
  void slots.acquire(open.signal).then(() => (isFourth = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isFourth, false);
});

test('pauses double up to the limit, between half and whole, and never undercut what the server asks', () => {
  for (const random of [() => 0, () => 0.999]) {
    const backoff = createBackoff({ baseMs: 100, maxMs: 1000, random });
    const pauses = [1, 2, 3, 4, 5, 6].map(() => backoff.nextMs());
    for (const [index, whole] of [100, 200, 400, 800, 1000, 1000].entries()) {
      assert.ok((pauses[index] ?? 0) >= whole / 2 && (pauses[index] ?? 0) <= whole);
    }
    assert.ok(backoff.nextMs(7000) >= 7000);
    backoff.succeeded();
    assert.ok(backoff.nextMs() <= 100);
  }
});
