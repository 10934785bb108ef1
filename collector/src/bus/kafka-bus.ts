/**
 * The bus of fleet mode: Apache Kafka. Batches go to `<prefix>.batches`, keyed by tenant/cluster so that one worker at a
 * time owns a cluster; what workers say back goes to `<prefix>.feedback`. Kafka carries the agents' bytes unchanged and
 * is trusted for nothing: sequences make every loss visible (DESIGN: end to end, not hop by hop).
 */
import { Admin } from '@platformatic/kafka';
import { maxCompressedBatchBytes } from '@driftline/proto';
import type { Logger } from 'pino';
import { patiently } from '../backoff.ts';
import type { BusReader, BusWriter, Feedback } from './bus.ts';
import { logEvents } from '../log-events.ts';
import { kafkaClient, type KafkaClient, type KafkaSecurity } from './kafka-client.ts';
import { KafkaFeedback } from './kafka-feedback.ts';
import { SerialProducer } from './kafka-producer.ts';
import { KafkaReader } from './kafka-reader.ts';
import { encodeBatch, encodeFeedback, recordKey } from './kafka-record.ts';

export type KafkaBusOptions = {
  /** host:port */
  readonly brokers: readonly string[];
  /** Default: plain text, and nobody asks who one is. */
  readonly security?: KafkaSecurity;
  readonly topicPrefix: string;
  /** Of the batches topic, when it is created: the most workers that can share the load. */
  readonly partitions: number;
  readonly replication: number;
  /** Which ends are opened; the other end's calls reject. */
  readonly role: 'all' | 'gateway' | 'worker';
  readonly logger: Logger;
  readonly inFlightBytes?: number;
  /** Ends the wait for brokers that are away, or that refuse. */
  readonly signal?: AbortSignal | undefined;
};

export type KafkaBus = { readonly writer: BusWriter; readonly reader: BusReader };

const defaultInFlightBytes = 128 * 1024 * 1024;
const sendBytes = 4 * 1024 * 1024;
const queueBytes = 64 * 1024 * 1024;
/** max.message.bytes of the batches topic: the largest batch, with its header, and room. */
const maxRecordBytes = maxCompressedBatchBytes + 1024 * 1024;

/** Between two attempts to reach the brokers at the start. */
const reachBackoff = { firstMs: 2_000, maxMs: 2_000 };

/** Waits for as long as no broker answers, or all refuse; the log says why. */
const reachBrokers = async (client: KafkaClient, options: KafkaBusOptions): Promise<void> => {
  const { logger, signal = new AbortController().signal } = options;
  const reach = async (): Promise<void> => {
    const admin = new Admin({ ...client, retries: 0 });
    try {
      await admin.listTopics();
    } finally {
      await admin.close().catch(() => undefined);
    }
  };
  const reached = await patiently(reach, {
    backoff: reachBackoff,
    random: Math.random,
    signal,
    onFailure({ error }) {
      const advice = 'the start waits for them: see KAFKA_BROKERS, KAFKA_TLS_* and KAFKA_SASL_MECHANISM';
      const brokers = client.bootstrapBrokers;
      logger.warn({ event: logEvents.busTrouble, brokers, reason: innermost(error), advice });
    },
  });
  if (reached === undefined) signal.throwIfAborted();
};

/** The library says 'failed' at each level; why stands at the bottom. */
const innermost = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const [first = error.cause] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  return first instanceof Error && error.message !== 'SASL authentication failed.' ? innermost(first) : error.message;
};

const createTopics = async (
  client: KafkaClient,
  { partitions, replication: replicas }: KafkaBusOptions,
  [batches, feedback]: readonly [string, string],
): Promise<void> => {
  const admin = new Admin({ ...client, retries: true });
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
  const { brokers, security, topicPrefix, role, logger, inFlightBytes = defaultInFlightBytes } = options;
  const client = await kafkaClient(brokers, security);
  const batches = `${topicPrefix}.batches`;
  const feedback = `${topicPrefix}.feedback`;
  await reachBrokers(client, options);
  await createTopics(client, options, [batches, feedback]);
  const listeners = new Set<(feedback: Feedback) => void>();
  const producer = new SerialProducer({ client, sendBytes, queueBytes });
  const onFeedback = (each: Feedback): void => {
    for (const listener of listeners) listener(each);
  };
  const incoming = role === 'worker' ? undefined : new KafkaFeedback({ client, topic: feedback, logger, onFeedback });
  await incoming?.ready();
  const groupId = `${topicPrefix}.workers`;
  const reader = new KafkaReader({ client, groupId, topic: batches, inFlightBytes, logger });
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
