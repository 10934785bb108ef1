/** The bus contract against a real broker, and batches against a leader that crashes. */
import { openKafkaBus } from '../../collector/src/bus/kafka-bus.ts';
import type { BatchHandler } from '@driftline/collector';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { busContract } from '../contract/bus.ts';
import { startKafka } from './kafka/kafka.ts';
import type { KafkaCluster } from './kafka/kafka.ts';

const logger = pino({ level: process.env['DRIFTLINE_LOG_LEVEL'] ?? 'silent' });
let kafka: KafkaCluster;
let opened = 0;

before(async () => {
  kafka = await startKafka(1);
});
after(async () => {
  await kafka.destroy();
});

const until = async (condition: () => boolean): Promise<void> => {
  for (const endMs = Date.now() + 120_000; Date.now() < endMs; ) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the condition was never met');
};

busContract('kafka bus', async () => {
  opened += 1;
  const topicPrefix = `contract-${opened}`;
  const brokers = kafka.bootstrap.split(',');
  const options = { brokers, topicPrefix, partitions: 3, replication: 1, logger };
  const bus = await openKafkaBus({ ...options, role: 'all' });
  const others: Awaited<ReturnType<typeof openKafkaBus>>[] = [];
  return {
    ...bus,
    reopen: async () => {
      const other = await openKafkaBus({ ...options, role: 'worker' });
      others.push(other);
      return other.reader;
    },
    close: async () => {
      for (const { reader, writer } of [...others, bus]) {
        await reader.close();
        await writer.close();
      }
    },
  };
});

test('kafka bus: a second worker takes clusters over, and the first is told to forget them', async () => {
  const options = {
    brokers: kafka.bootstrap.split(','),
    topicPrefix: 'rebalance',
    partitions: 4,
    replication: 1,
    logger,
  };
  const first = await openKafkaBus({ ...options, role: 'all' });
  const second = await openKafkaBus({ ...options, role: 'worker' });
  const lost: string[] = [];
  const taken: { worker: string; cluster: string }[] = [];
  const handler = (worker: string): BatchHandler => ({
    handle: async (batches) => void taken.push(...batches.map(({ stream }) => ({ worker, cluster: stream.cluster }))),
    lost: async (clusters) => void lost.push(...clusters.map(({ cluster }) => cluster)),
  });
  const clusters = Array.from({ length: 24 }, (_, at) => `cluster-${at}`);
  const publishAll = async (sequence: number): Promise<void> => {
    for (const cluster of clusters)
      await first.writer.publish({
        stream: { tenant: 'default', cluster, epoch: 'e1' },
        oldestSequence: 1,
        batch: {
          firstSequence: sequence,
          lastSequence: sequence,
          compression: 'none',
          uncompressedBytes: 1,
          payload: Uint8Array.of(sequence),
        },
      });
  };
  const runs = [first.reader.run(handler('first'))];
  try {
    await publishAll(1);
    await until(() => taken.length === clusters.length);
    runs.push(second.reader.run(handler('second')));
    await until(() => lost.length > 0);
    await publishAll(2);
    await until(() => new Set(taken.slice(clusters.length).map(({ cluster }) => cluster)).size === clusters.length);
    const moved = new Set(taken.filter(({ worker }) => worker === 'second').map(({ cluster }) => cluster));
    // The first may have taken its last batch of a cluster before it lost it: lost clusters need not have moved yet.
    const untold = [...moved].filter((cluster) => !lost.includes(cluster));
    assert.deepEqual(untold, []);
    assert.ok(moved.size > 0 && moved.size < clusters.length);
  } finally {
    // Whatever failed: a bus left open would keep this process, and the suite behind it, waiting.
    for (const { reader, writer } of [first, second]) {
      await reader.close();
      await writer.close();
    }
    await Promise.all(runs);
  }
});
