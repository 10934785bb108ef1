/** The bus contract against a real broker, and batches against a leader that crashes. */
import { openKafkaBus } from '@driftline/collector';
import { after, before } from 'node:test';
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
        await Promise.race([reader.close(), new Promise((resolve) => setTimeout(resolve, 500))]);
        await writer.close();
      }
    },
  };
});
