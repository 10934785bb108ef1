/**
 * Batches on a real Kafka while things die: a broker restarts under its producer, a worker is killed with batches in its
 * hands, and the leader of a replicated partition crashes. Nothing acknowledged is lost; what was not recorded comes
 * again; what is recorded does not.
 */
import { openKafkaBus } from '../../collector/src/bus/kafka-bus.ts';
import type { KafkaBusOptions, StreamBatch } from '@driftline/collector';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { startKafka } from './kafka/kafka.ts';
import type { Broker, KafkaCluster } from './kafka/kafka.ts';
import { leaderOf } from './kafka/leader-of.ts';
import { startWorker } from './kafka/worker-process.ts';

const logger = pino({ level: process.env['DRIFTLINE_LOG_LEVEL'] ?? 'silent' });
const batchBytes = 2_048;

const batchOf = (cluster: string, sequence: number): StreamBatch => ({
  stream: { tenant: 'default', cluster, epoch: 'e1' },
  oldestSequence: 1,
  batch: {
    firstSequence: sequence,
    lastSequence: sequence,
    compression: 'none',
    uncompressedBytes: batchBytes,
    payload: new Uint8Array(batchBytes).fill(sequence),
  },
});

const optionsOf = (kafka: KafkaCluster, topicPrefix: string, replication = 1): KafkaBusOptions => ({
  brokers: kafka.bootstrap.split(','),
  topicPrefix,
  partitions: 1,
  replication,
  role: 'all',
  logger,
});

const until = async (condition: () => boolean, what: string, timeoutMs = 120_000): Promise<void> => {
  for (const endMs = Date.now() + timeoutMs; Date.now() < endMs; ) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`never: ${what}`);
};

const withKafka = async (brokers: number, body: (kafka: KafkaCluster) => Promise<void>): Promise<void> => {
  const kafka = await startKafka(brokers);
  try {
    await body(kafka);
  } finally {
    await kafka.destroy();
  }
};

type Traffic = {
  /** Published and answered with 'accepted', in order. */
  readonly accepted: number[];
  readonly refused: number[];
  /** What the reader handed over, in order. */
  readonly taken: number[];
  stop(): Promise<void>;
};

/** One stream of batches, several in flight, read at the same time. A publish that fails is sent again, as agents do. */
const openTraffic = async (options: KafkaBusOptions): Promise<Traffic> => {
  const { writer, reader } = await openKafkaBus(options);
  const accepted: number[] = [];
  const refused: number[] = [];
  const taken: number[] = [];
  const running = reader.run({
    handle: async (batches) => void taken.push(...batches.map(({ batch }) => batch.firstSequence)),
    lost: async () => {},
  });
  const stopping = new AbortController();
  let sequence = 0;
  const publish = async (number: number): Promise<void> => {
    for (;;) {
      try {
        assert.equal(await writer.publish(batchOf('east', number)), 'accepted');
        accepted.push(number);
        return;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        refused.push(number);
        await sleep(100);
      }
    }
  };
  const producing = (async () => {
    while (!stopping.signal.aborted) await Promise.all([1, 2, 3, 4].map(() => publish(++sequence)));
  })();
  return {
    accepted,
    refused,
    taken,
    async stop() {
      stopping.abort();
      await producing;
      await until(() => new Set(taken).size === sequence, `${sequence} batches taken (now ${new Set(taken).size})`);
      await reader.close();
      await running;
      await writer.close();
    },
  };
};

const assertComplete = ({ accepted, taken }: Traffic): void => {
  const distinct = [...new Set(taken)];
  assert.deepEqual(
    distinct.toSorted((a, b) => a - b),
    accepted.toSorted((a, b) => a - b),
  );
  assert.ok(accepted.length > 100, `only ${accepted.length} batches went through`);
};

test('kafka: a broker that restarts under its producer loses nothing accepted', { timeout: 400_000 }, async (t) => {
  await withKafka(1, async (kafka) => {
    const traffic = await openTraffic(optionsOf(kafka, 'restart'));
    const [broker] = kafka.brokers;
    await until(() => traffic.accepted.length >= 100, 'the first hundred batches');
    for (const end of ['stop', 'kill'] as const) {
      await broker?.[end]();
      await sleep(500);
      await broker?.start();
      const before = traffic.accepted.length;
      await until(() => traffic.accepted.length >= before + 100, `batches after ${end}`);
    }
    await traffic.stop();
    assertComplete(traffic);
    t.diagnostic(
      `${traffic.accepted.length} accepted, ${traffic.refused.length} refused and sent again, ${traffic.taken.length} taken`,
    );
  });
});

/** The broker that leads the batches' one partition is the one whose end stops the line. */
const crashLeader = async (kafka: KafkaCluster, leader: number): Promise<Broker> => {
  const broker = kafka.brokers.find(({ id }) => id === leader);
  assert.ok(broker !== undefined);
  await broker.kill();
  return broker;
};

test('kafka: the crash of a leader loses nothing accepted', { timeout: 400_000 }, async (t) => {
  await withKafka(3, async (kafka) => {
    const options = optionsOf(kafka, 'crash', 3);
    const traffic = await openTraffic(options);
    const silences: number[] = [];
    for (let round = 0; round < 2; round++) {
      const before = traffic.accepted.length;
      await until(() => traffic.accepted.length >= before + 200, 'batches before the crash');
      const crashed = await crashLeader(kafka, await leaderOf(options.brokers, 'crash.batches'));
      const startedMs = Date.now();
      const atCrash = traffic.accepted.length;
      // More than what was in flight when the leader died.
      await until(() => traffic.accepted.length >= atCrash + 50, 'batches after the crash');
      silences.push(Date.now() - startedMs);
      await crashed.start();
    }
    await traffic.stop();
    assertComplete(traffic);
    t.diagnostic(
      `${traffic.accepted.length} accepted, ${traffic.refused.length} refused, ${traffic.taken.length} taken; ` +
        `back after ${silences.join(' and ')} ms`,
    );
  });
});

test('kafka: offsets follow what is recorded, so a killed worker’s batches come again', {
  timeout: 400_000,
}, async (t) => {
  await withKafka(1, async (kafka) => {
    const options = { ...optionsOf(kafka, 'killed'), role: 'gateway' as const };
    const { writer, reader } = await openKafkaBus(options);
    const first = await startWorker({ ...options, holds: 11 });
    for (let sequence = 1; sequence <= 10; sequence++) await writer.publish(batchOf('east', sequence));
    await until(() => first.recorded.includes(10), 'ten batches recorded');
    await writer.publish(batchOf('east', 11));
    await until(() => first.handed.includes(11), 'the batch that is held');
    // Later ones are recorded while it is held: no offset may pass it.
    for (let sequence = 12; sequence <= 20; sequence++) await writer.publish(batchOf('east', sequence));
    await until(() => first.recorded.includes(20), 'later batches recorded');
    assert.ok(!first.recorded.includes(11));
    await sleep(1_000); // offsets are committed meanwhile
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const killedMs = Date.now();
    const second = await startWorker({ ...options, holds: 0 });
    await until(() => second.recorded.includes(20), 'the unrecorded batches at the second worker');
    t.diagnostic(`taken over ${Date.now() - killedMs} ms after the kill; handed again: ${second.handed.join(' ')}`);
    assert.deepEqual(second.recorded, [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    second.child.kill('SIGTERM');
    await once(second.child, 'exit');
    await reader.close();
    await writer.close();
  });
});

test('kafka: an agent hears accepted at once and recorded only from the worker', { timeout: 200_000 }, async () => {
  await withKafka(1, async (kafka) => {
    const options = optionsOf(kafka, 'acks');
    const gateway = await openKafkaBus({ ...options, role: 'gateway' });
    const worker = await openKafkaBus({ ...options, role: 'worker' });
    const recorded: number[] = [];
    gateway.writer.onFeedback((feedback) => feedback.type === 'recorded' && recorded.push(feedback.sequence));
    const store = Promise.withResolvers<void>();
    const held: number[] = [];
    const running = worker.reader.run({
      async handle(batches) {
        held.push(...batches.map(({ batch }) => batch.lastSequence));
        await store.promise;
        for (const { stream, batch } of batches)
          await worker.reader.publishFeedback({ type: 'recorded', stream, sequence: batch.lastSequence });
      },
      lost: async () => {},
    });
    for (const sequence of [1, 2, 3]) assert.equal(await gateway.writer.publish(batchOf('east', sequence)), 'accepted');
    await until(() => held.length === 3, 'the batches at the worker');
    assert.deepEqual(recorded, []);
    store.resolve();
    await until(() => recorded.length === 3, 'the recorded acknowledgements');
    assert.deepEqual(recorded, [1, 2, 3]);
    for (const bus of [worker, gateway]) {
      await bus.reader.close();
      await bus.writer.close();
    }
    await running;
  });
});
