import { BusClosedError, defaultMemoryBusLimits, openMemoryBus } from '@driftline/collector';
import type { StreamBatch } from '@driftline/collector';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busContract } from './bus.ts';

busContract('memory bus', async () => {
  const { writer, reader } = openMemoryBus();
  return { writer, reader, reopen: undefined, close: () => writer.close() };
});

const batch = (firstSequence: number, bytes: number): StreamBatch => ({
  stream: { tenant: 'default', cluster: 'east', epoch: 'e1' },
  oldestSequence: 1,
  batch: {
    firstSequence,
    lastSequence: firstSequence,
    compression: 'none',
    uncompressedBytes: bytes,
    payload: new Uint8Array(bytes),
  },
});

test('memory bus: publish waits while the bus is full, and the bound holds', async () => {
  const { writer, reader } = openMemoryBus({
    ...defaultMemoryBusLimits,
    queueBytes: 3_000,
    inFlightBytes: 1,
    chunkBytes: 1,
  });
  let published = 0;
  const all = [1, 2, 3, 4, 5, 6].map((sequence) => writer.publish(batch(sequence, 500)).then(() => (published += 1)));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(published, 2);
  const taken: number[] = [];
  const handle = async (batches: readonly StreamBatch[]): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    taken.push(...batches.map((each) => each.batch.firstSequence));
  };
  const running = reader.run({ handle, lost: async () => {} });
  await Promise.all(all);
  while (taken.length < 6) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(taken, [1, 2, 3, 4, 5, 6]);
  await reader.close();
  await running;
});

test('memory bus: whoever waits for room is told when it closes', async () => {
  const { writer } = openMemoryBus({ ...defaultMemoryBusLimits, queueBytes: 1, inFlightBytes: 1, chunkBytes: 1 });
  await writer.publish(batch(1, 10));
  const waiting = writer.publish(batch(2, 10));
  const [outcome] = await Promise.all([assert.rejects(waiting, BusClosedError), writer.close()]);
  assert.equal(outcome, undefined);
  await assert.rejects(writer.publish(batch(3, 10)), BusClosedError);
});

const batchOf = (cluster: string, firstSequence: number, bytes: number): StreamBatch => ({
  ...batch(firstSequence, bytes),
  stream: { tenant: 'default', cluster, epoch: 'e1' },
});
const turns = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
};

test('memory bus: a cluster whose batches are not taken makes its own agent wait, and nobody else', async () => {
  const { writer, reader } = openMemoryBus({
    queueBytes: 100_000,
    clusterQueueBytes: 3_000,
    inFlightBytes: 100_000,
    clusterInFlightBytes: 3_000,
    chunkBytes: 1,
  });
  const gate = Promise.withResolvers<void>();
  const taken: string[] = [];
  const handle = async (batches: readonly StreamBatch[]): Promise<void> => {
    taken.push(...batches.map(({ stream }) => stream.cluster));
    if (batches.some(({ stream }) => stream.cluster === 'stuck')) await gate.promise;
  };
  const running = reader.run({ handle, lost: async () => {} });
  let stuckPublished = 0;
  const stuck = Array.from({ length: 50 }, (_, at) =>
    writer.publish(batchOf('stuck', at + 1, 500)).then(() => (stuckPublished += 1)),
  );
  await turns(20);
  assert.ok(stuckPublished < 10, `${stuckPublished} batches of the stuck cluster are held`);
  for (let at = 1; at <= 50; at++) await writer.publish(batchOf('free', at, 500));
  await turns(20);
  assert.equal(taken.filter((cluster) => cluster === 'free').length, 50);
  gate.resolve();
  await Promise.all(stuck);
  while (taken.length < 100) await turns(1);
  await reader.close();
  await running;
});

test('memory bus: what is in flight counts as large as it says it becomes', async () => {
  const { writer, reader } = openMemoryBus({ ...defaultMemoryBusLimits, inFlightBytes: 10_000_000, chunkBytes: 1 });
  const gate = Promise.withResolvers<void>();
  const taken: StreamBatch[] = [];
  const handle = async (batches: readonly StreamBatch[]): Promise<void> => {
    taken.push(...batches);
    await gate.promise;
  };
  const running = reader.run({ handle, lost: async () => {} });
  const small = batch(1, 10);
  for (let at = 1; at <= 40; at++)
    await writer.publish({ ...small, batch: { ...small.batch, firstSequence: at, uncompressedBytes: 1_000_000 } });
  await turns(20);
  assert.equal(taken.length, 10);
  gate.resolve();
  while (taken.length < 40) await turns(1);
  await reader.close();
  await running;
});
