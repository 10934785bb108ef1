/** What the pipeline has to say to the agents' streams. */
import type { Logger } from 'pino';
import type { BusReader, Feedback } from './bus/bus.ts';
import { collectorEpoch } from './cluster-memory.ts';
import type { StreamMemory } from './cluster-memory.ts';
import type { Missing } from './ingest/admit.ts';
import { logEvents } from './log-events.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { PipelineLimits } from './pipeline-limits.ts';
import type { StreamId } from './timeline/rows.ts';

export type AnswersDeps = {
  readonly feedback: Pick<BusReader, 'publishFeedback'>;
  readonly limits: Pick<PipelineLimits, 'resendIntervalMs'>;
  readonly metrics: CollectorMetrics;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
};

export class Answers {
  readonly #deps: AnswersDeps;

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  recorded(id: StreamId, stream: StreamMemory, sequence: number): Promise<void> {
    if (stream.epoch === collectorEpoch || sequence === 0) return Promise.resolve();
    return this.publish([{ type: 'recorded', stream: id, sequence }]);
  }

  askForMissing(id: StreamId, stream: StreamMemory, fromSequence: number): Promise<void> {
    const { now, limits, metrics, logger } = this.#deps;
    if (now() - stream.resendAskedAtMs < limits.resendIntervalMs) return Promise.resolve();
    stream.resendAskedAtMs = now();
    metrics.resends.inc();
    logger.warn({ event: logEvents.resendAsked, ...id, fromSequence });
    return this.publish([{ type: 'resend', stream: id, fromSequence }]);
  }

  confessMissing(id: StreamId, missing: Missing): void {
    this.#deps.metrics.holes.inc();
    this.#deps.logger.warn({ event: logEvents.sequencesMissing, ...id, ...missing });
  }

  /** Feedback that cannot be delivered now is covered by the next one, or by the agent's next Hello. */
  async publish(messages: readonly Feedback[]): Promise<void> {
    for (const message of messages) {
      try {
        await this.#deps.feedback.publishFeedback(message);
      } catch (error) {
        this.#deps.logger.warn({ event: logEvents.feedbackFailed, type: message.type, err: error });
      }
    }
  }
}
