/**
 * The bus of fleet mode: Apache Kafka. Batches go to `<prefix>.batches`, keyed by tenant/cluster so that one worker at a
 * time owns a cluster; what workers say back goes to `<prefix>.feedback`. Kafka carries the agents' bytes unchanged and
 * is trusted for nothing: sequences make every loss visible (DESIGN: end to end, not hop by hop).
 */
import { Admin } from '@platformatic/kafka';
import { maxCompressedBatchBytes } from '@driftline/proto';
import type { Logger } from 'pino';
import type { BusReader, BusWriter, Feedback } from './bus.ts';
import { KafkaFeedback } from './kafka-feedback.ts';
import { SerialProducer } from './kafka-producer.ts';
import { KafkaReader } from './kafka-reader.ts';
import { encodeBatch, encodeFeedback, recordKey } from './kafka-record.ts';

export type KafkaBusOptions = {
  /** host:port */
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  /** Of the batches topic, when it is created: the most workers that can share the load. */
  readonly partitions: number;
  readonly replication: number;
  /** Which ends are opened; the other end's calls reject. */
  readonly role: 'all' | 'gateway' | 'worker';
  readonly logger: Logger;
  readonly inFlightBytes?: number;
};

export type KafkaBus = { readonly writer: BusWriter; readonly reader: BusReader };

const defaultInFlightBytes = 128 * 1024 * 1024;
const sendBytes = 4 * 1024 * 1024;
const queueBytes = 64 * 1024 * 1024;
/** max.message.bytes of the batches topic: the largest batch, with its header, and room. */
const maxRecordBytes = maxCompressedBatchBytes + 1024 * 1024;

const createTopics = async (options: KafkaBusOptions, batches: string, feedback: string): Promise<void> => {
  const { brokers, partitions, replication: replicas } = options;
  const admin = new Admin({ clientId: 'driftline', bootstrapBrokers: [...brokers], retries: true });
  try {
    const existing = new Set(await admin.listTopics());
    const configs = [{ name: 'max.message.bytes', value: String(maxRecordBytes) }];
    if (!existing.has(batches)) await admin.createTopics({ topics: [batches], partitions, replicas, configs });
    if (!existing.has(feedback)) await admin.createTopics({ topics: [feedback], partitions: 1, replicas });
  } catch (error) {
    // Another process may have been quicker; what matters is that they are there.
    const existing = new Set(await admin.listTopics());
    if (!existing.has(batches) || !existing.has(feedback)) throw error;
  } finally {
    await admin.close();
  }
};

export const openKafkaBus = async (options: KafkaBusOptions): Promise<KafkaBus> => {
  const { brokers, topicPrefix, role, logger, inFlightBytes = defaultInFlightBytes } = options;
  const clientId = 'driftline';
  const batches = `${topicPrefix}.batches`;
  const feedback = `${topicPrefix}.feedback`;
  await createTopics(options, batches, feedback);
  const listeners = new Set<(feedback: Feedback) => void>();
  const producer = new SerialProducer({ brokers, clientId, sendBytes, queueBytes });
  const onFeedback = (each: Feedback): void => {
    for (const listener of listeners) listener(each);
  };
  const incoming =
    role === 'worker' ? undefined : new KafkaFeedback({ brokers, clientId, topic: feedback, logger, onFeedback });
  await incoming?.ready();
  const groupId = `${topicPrefix}.workers`;
  const reader = new KafkaReader({ brokers, clientId, groupId, topic: batches, inFlightBytes, logger });
  return {
    writer: {
      async publish(batch) {
        await producer.send({ topic: batches, key: recordKey(batch.stream), value: encodeBatch(batch) });
        return 'accepted';
      },
      onFeedback(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      async close() {
        await incoming?.close();
        await producer.close();
      },
    },
    reader: {
      run: (handler) => reader.run(handler),
      publishFeedback: (each) =>
        producer.send({ topic: feedback, key: recordKey(each.stream), value: encodeFeedback(each) }),
      close: () => reader.close(),
    },
  };
};
