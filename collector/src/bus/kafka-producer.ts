/**
 * Idempotent, acks=all, and one send at a time: overlapping idempotent sends were seen to duplicate and reorder when a
 * leader crashes. While one is under way the next group collects, so that waiting costs little throughput.
 */
import { ProduceAcks, Producer, stringSerializer } from '@platformatic/kafka';
import type { KafkaClient } from './kafka-client.ts';

export type KafkaMessage = { readonly topic: string; readonly key: string; readonly value: Buffer };

type Waiting = { readonly message: KafkaMessage; readonly sent: PromiseWithResolvers<void> };

export type SerialProducerOptions = {
  readonly client: KafkaClient;
  /** Bytes of one send; below the topic's max.message.bytes. A larger single message goes alone. */
  readonly sendBytes: number;
  /** Bytes that wait before `send` waits too. */
  readonly queueBytes: number;
};

export class SerialProducer {
  readonly #options: SerialProducerOptions;
  readonly #producer: Producer<string>;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #sending: Promise<void> | undefined;
  #isClosed = false;
  #room = Promise.withResolvers<void>();

  constructor(options: SerialProducerOptions) {
    this.#options = options;
    this.#producer = new Producer({
      ...options.client,
      idempotent: true,
      acks: ProduceAcks.ALL,
      retries: true,
      // Without a serializer for string keys a send never settles.
      serializers: { key: stringSerializer, value: (value?: Buffer) => value },
    });
  }

  /** Resolves when all in-sync replicas have the message. */
  async send(message: KafkaMessage): Promise<void> {
    const bytes = message.value.byteLength;
    while (!this.#isClosed && this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#options.queueBytes)
      await this.#room.promise;
    if (this.#isClosed) throw new Error('kafka producer: closed');
    const sent = Promise.withResolvers<void>();
    this.#waiting.push({ message, sent });
    this.#waitingBytes += bytes;
    this.#sending ??= this.#sendAll();
    return sent.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#room.resolve();
    await this.#sending;
    await this.#producer.close();
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { message } of this.#waiting) {
      bytes += message.value.byteLength;
      if (count > 0 && bytes > this.#options.sendBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#producer.send({ messages: group.map(({ message }) => message) });
        for (const { sent } of group) sent.resolve();
      } catch (error) {
        for (const { sent } of group) sent.reject(error);
      }
      for (const { message } of group) this.#waitingBytes -= message.value.byteLength;
      this.#room.resolve();
      this.#room = Promise.withResolvers<void>();
    }
    this.#sending = undefined;
  }
}
