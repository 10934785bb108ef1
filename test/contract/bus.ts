/** What every bus promises, whatever carries it. Run for the memory bus in the fast tests, for Kafka in the real ones. */
import type { BusReader, BusWriter, Feedback, StreamBatch } from '@driftline/collector';
import assert from 'node:assert/strict';
import { test } from 'node:test';

export type BusUnderTest = {
  readonly writer: BusWriter;
  readonly reader: BusReader;
  /** Another worker's reader on the same bus; undefined when the bus keeps nothing over a restart. */
  readonly reopen: (() => Promise<BusReader>) | undefined;
  close(): Promise<void>;
};

const batchOf = (cluster: string, sequence: number, bytes = 16): StreamBatch => ({
  stream: { tenant: 'default', cluster, epoch: 'e1' },
  oldestSequence: 1,
  batch: {
    firstSequence: sequence,
    lastSequence: sequence,
    compression: 'zstd',
    uncompressedBytes: 99,
    // Every byte value, so that nothing on the way may take it for text.
    payload: Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + sequence) % 256),
  },
});

const plain = ({ stream, oldestSequence, batch }: StreamBatch) => ({
  ...stream,
  oldestSequence,
  ...batch,
  payload: Buffer.from(batch.payload).toString('hex'),
});

const until = async (condition: () => boolean, what: string, timeoutMs = 120_000): Promise<void> => {
  for (const endMs = Date.now() + timeoutMs; Date.now() < endMs; ) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never: ${what}`);
};

const lost = async (): Promise<void> => {};

export const busContract = (name: string, open: () => Promise<BusUnderTest>): void => {
  const withBus = (title: string, body: (bus: BusUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const bus = await open();
      try {
        await body(bus);
      } finally {
        await bus.close();
      }
    });
  };

  withBus('batches come out as they went in, in the order of their stream', async ({ writer, reader }) => {
    const taken: StreamBatch[] = [];
    const running = reader.run({ handle: async (batches) => void taken.push(...batches), lost });
    const sent = [1, 2, 3, 4, 5].flatMap((sequence) => [batchOf('east', sequence), batchOf('west', sequence)]);
    for (const batch of sent) await writer.publish(batch);
    await until(() => taken.length === sent.length, 'all batches');
    for (const cluster of ['east', 'west']) {
      const of = (batches: readonly StreamBatch[]) => batches.filter((b) => b.stream.cluster === cluster).map(plain);
      assert.deepEqual(of(taken), of(sent));
    }
    await reader.close();
    await running;
  });

  withBus('the next batches are handed over while earlier ones are being recorded', async ({ writer, reader }) => {
    const gate = Promise.withResolvers<void>();
    const taken: number[] = [];
    const handle = async (batches: readonly StreamBatch[]): Promise<void> => {
      taken.push(...batches.map((batch) => batch.batch.firstSequence));
      await gate.promise;
    };
    const running = reader.run({ handle, lost });
    await writer.publish(batchOf('east', 1));
    await until(() => taken.length === 1, 'the first batch');
    await writer.publish(batchOf('east', 2));
    await until(() => taken.length === 2, 'the second batch while the first is held');
    gate.resolve();
    await reader.close();
    await running;
  });

  withBus('feedback reaches every listener until it leaves', async ({ writer, reader }) => {
    const heard: Feedback[][] = [[], []];
    const leave = writer.onFeedback((feedback) => heard[0]!.push(feedback));
    writer.onFeedback((feedback) => heard[1]!.push(feedback));
    const stream = { tenant: 'default', cluster: 'east', epoch: 'e1' };
    const ref = { group: 'apps', resource: 'deployments', kind: 'Deployment', namespace: 'n', name: 'd', uid: 'u' };
    const first: Feedback[] = [
      { type: 'recorded', stream, sequence: 7 },
      { type: 'resend', stream, fromSequence: 3 },
      { type: 'need-full', stream, objects: [ref] },
    ];
    for (const feedback of first) await reader.publishFeedback(feedback);
    await until(() => heard[0]!.length === 3 && heard[1]!.length === 3, 'the feedback');
    leave();
    await reader.publishFeedback({ type: 'recorded', stream, sequence: 8 });
    await until(() => heard[1]!.length === 4, 'the last feedback');
    assert.deepEqual(heard[0], first);
  });

  withBus('a handler that fails stops the reader with its error', async ({ writer, reader }) => {
    const running = reader.run({ handle: () => Promise.reject(new Error('the store refuses')), lost });
    await Promise.all([writer.publish(batchOf('east', 1)), assert.rejects(running, /the store refuses/)]);
  });

  withBus('close waits for what was handed over', async ({ writer, reader }) => {
    const gate = Promise.withResolvers<void>();
    let isRecorded = false;
    let isTaken = false;
    const handle = async (): Promise<void> => {
      isTaken = true;
      await gate.promise;
      isRecorded = true;
    };
    const running = reader.run({ handle, lost });
    await writer.publish(batchOf('east', 1));
    await until(() => isTaken, 'the batch');
    const closed = reader.close().then(() => isRecorded);
    setTimeout(() => gate.resolve(), 20);
    assert.equal(await closed, true);
    await running;
  });

  withBus('a batch larger than any buffer still passes', async ({ writer, reader }) => {
    const taken: StreamBatch[] = [];
    const running = reader.run({ handle: async (batches) => void taken.push(...batches), lost });
    await writer.publish(batchOf('east', 1, 7 * 1024 * 1024));
    await until(() => taken.length === 1, 'the large batch');
    assert.equal(taken[0]?.batch.payload.byteLength, 7 * 1024 * 1024);
    await reader.close();
    await running;
  });

  withBus('what was not recorded comes again from a bus that keeps it', async ({ writer, reader, reopen }) => {
    if (reopen === undefined) {
      const running = reader.run({ handle: async () => {}, lost });
      assert.equal(await writer.publish(batchOf('east', 1)), 'handed-over');
      await reader.close();
      await running;
      return;
    }
    const handed: number[] = [];
    const handle = async (batches: readonly StreamBatch[]): Promise<void> => {
      const sequences = batches.map((batch) => batch.batch.firstSequence);
      handed.push(...sequences);
      if (sequences.includes(3)) throw new Error('the store refuses');
    };
    const firstRun = assert.rejects(reader.run({ handle, lost }), /the store refuses/);
    for (const sequence of [1, 2]) assert.equal(await writer.publish(batchOf('east', sequence)), 'accepted');
    await until(() => handed.length === 2, 'two recorded batches');
    await new Promise((resolve) => setTimeout(resolve, 500)); // their offsets are committed meanwhile
    for (const sequence of [3, 4]) await writer.publish(batchOf('east', sequence));
    await firstRun;
    const second = await reopen();
    const again: number[] = [];
    const running = second.run({
      handle: async (batches) => void again.push(...batches.map((batch) => batch.batch.firstSequence)),
      lost,
    });
    await until(() => again.includes(4), 'the unrecorded batches at the second reader');
    assert.deepEqual(
      again.filter((sequence) => sequence > 2),
      [3, 4],
    );
    await second.close();
    await running;
  });
};
