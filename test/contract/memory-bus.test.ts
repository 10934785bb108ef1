import { BusClosedError, openMemoryBus } from '@driftline/collector';
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
  const { writer, reader } = openMemoryBus({ queueBytes: 3_000, inFlightBytes: 1, chunkBytes: 1 });
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
  const { writer } = openMemoryBus({ queueBytes: 1, inFlightBytes: 1, chunkBytes: 1 });
  await writer.publish(batch(1, 10));
  const waiting = writer.publish(batch(2, 10));
  const [outcome] = await Promise.all([assert.rejects(waiting, BusClosedError), writer.close()]);
  assert.equal(outcome, undefined);
  await assert.rejects(writer.publish(batch(3, 10)), BusClosedError);
});
