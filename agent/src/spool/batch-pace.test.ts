import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { BatchPace } from './batch-pace.ts';
import { numberedBody, openTestSpool, smallLimits, temporaryDirectory } from './spool-fixture.ts';

const limits = {
  ...smallLimits,
  batchMaxAgeMs: 20,
  batchMaxBytes: 1_000,
  smallBatchBytes: 100,
  smallBatchIntervalMs: 80,
};

test('what comes into quiet goes soon, what follows closely waits for company, what is much or full does not', () => {
  const pace = new BatchPace(limits);
  assert.equal(pace.leftMs({ bytes: 1, oldestAtMs: 500 }, 505), 15, 'nothing before it');
  pace.went(520);
  assert.equal(pace.leftMs({ bytes: 99, oldestAtMs: 530 }, 540), 60, 'close behind another');
  assert.equal(pace.leftMs({ bytes: 100, oldestAtMs: 530 }, 540), 10, 'enough for a batch of its own');
  assert.equal(pace.leftMs({ bytes: 1_000, oldestAtMs: 530 }, 540), 0, 'full');
  assert.equal(pace.leftMs({ bytes: 1, oldestAtMs: 900 }, 900), 20, 'quiet again');
  assert.ok(pace.leftMs({ bytes: 1, oldestAtMs: 530 }, 600) <= 0, 'no longer than the interval');
});

test('a small batch that waits goes when it becomes a large one', async () => {
  const directory = await temporaryDirectory();
  const hour = 3_600_000;
  const { spool } = await openTestSpool(directory.path, {
    limits: { ...smallLimits, smallBatchBytes: 2_000, smallBatchIntervalMs: hour },
  });
  await spool.append([numberedBody(0)]);
  const small = spool.append([numberedBody(1)]);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  const large = spool.append([numberedBody(2, 2_000)]);
  assert.deepEqual(await large, { firstSequence: 3, lastSequence: 3 });
  assert.deepEqual(await small, { firstSequence: 2, lastSequence: 2 });
  const last = spool.append([numberedBody(3)]);
  await spool.close();
  assert.deepEqual(await last, { firstSequence: 4, lastSequence: 4 }, 'a close waits for nothing');
  await directory.remove();
});
