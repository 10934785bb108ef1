/** A gateway's side of the feedback topic: every gateway reads all of it, from now on, in a group of its own. */
import { Consumer, MessagesStreamModes } from '@platformatic/kafka';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { logEvents } from '../log-events.ts';
import type { Feedback } from './bus.ts';
import { decodeFeedback } from './kafka-record.ts';
import type { KafkaClient } from './kafka-client.ts';

export type KafkaFeedbackOptions = {
  readonly client: KafkaClient;
  readonly topic: string;
  readonly logger: Logger;
  readonly onFeedback: (feedback: Feedback) => void;
};

const reopenDelayMs = 1_000;

export class KafkaFeedback {
  readonly #options: KafkaFeedbackOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #end = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(options: KafkaFeedbackOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Resolves when feedback that is published from now on arrives. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#end = Promise.withResolvers<void>();
      try {
        await this.#consume();
      } catch (error) {
        this.#options.logger.warn({ event: logEvents.busTrouble, err: error });
      }
      if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, reopenDelayMs));
    }
  }

  async #consume(): Promise<void> {
    const { client, topic, logger, onFeedback } = this.#options;
    const consumer = new Consumer({
      ...client,
      groupId: `${topic}.${randomUUID()}`,
      autocommit: false,
      retries: true,
    });
    try {
      const stream = await consumer.consume({ topics: [topic], autocommit: false, mode: MessagesStreamModes.LATEST });
      stream.once('offsets', () => this.#ready.resolve());
      stream.on('data', ({ value, offset }) => {
        const feedback = decodeFeedback(value);
        if (feedback !== undefined) onFeedback(feedback);
        else logger.error({ event: logEvents.busRecordUnreadable, topic, offset: String(offset) });
      });
      stream.on('error', (error: Error) => this.#end.reject(error));
      stream.on('close', () => this.#end.resolve());
      await this.#end.promise;
    } finally {
      await consumer.close(true).catch((error: unknown) => logger.warn({ event: logEvents.busTrouble, err: error }));
    }
  }
}
