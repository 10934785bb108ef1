/**
 * Moves one sink's durable cursor along the timeline: read what was recorded after it → map to OCSF → deliver → advance.
 * At least once: the cursor moves only after the receiver has the events, so a crash in between repeats them with the
 * same ids. A receiver that is down makes this forwarder wait, nobody else.
 */
import type { Logger } from 'pino';
import { pause } from '../backoff.ts';
import type { StreamId } from '../timeline/rows.ts';
import type { OcsfEvent } from './ocsf.ts';
import type { Sink } from './sink.ts';

/** What was recorded in one stream, up to a sequence. */
export type ForwardPage = {
  readonly stream: StreamId;
  readonly throughSequence: number;
  readonly events: readonly OcsfEvent[];
};

/** The timeline as one forwarder sees it; never past the last commit row. */
export type ForwardSource = {
  /** What was recorded after the cursors, with pages of at most `limit` messages each. */
  pending(limit: number): AsyncIterable<ForwardPage>;
  /** The receiver has everything of the stream up to here. Durable at the latest with the next save. */
  advance(stream: StreamId, sequence: number): Promise<void>;
  /** Makes what was advanced durable. */
  save(): Promise<void>;
};

export type ForwarderOptions = {
  readonly source: ForwardSource;
  readonly sink: Sink;
  readonly logger: Logger;
  readonly metrics: ForwarderMetrics;
  /** How long to wait after everything recorded was delivered, before looking again. */
  readonly pollIntervalMs?: number;
  /** Messages (not events) a page covers. */
  readonly pageMessages?: number;
  /** Events a delivery holds. */
  readonly deliveryEvents?: number;
  readonly maxBackoffMs?: number;
  /** 0 ≤ x < 1, for jitter. */
  readonly random?: () => number;
};

export type ForwarderMetrics = {
  delivered(sink: string, events: number): void;
  retried(sink: string): void;
  dead(sink: string, events: number): void;
};

export type Forwarder = { /** Waits for the delivery in flight. */ close(): Promise<void> };

export const forwarderLog = {
  retry: 'forwarder.retry',
  dead: 'forwarder.dead-letter',
  sourceFailed: 'forwarder.source-failed',
  cursorUnsaved: 'forwarder.cursor-unsaved',
} as const;

/** A receiver may ask for a pause, but not for ever; and a timer takes more than 2^31 ms for none at all. */
const longestWaitMs = 15 * 60_000;

export function openForwarder(options: ForwarderOptions): Forwarder {
  const stop = new AbortController();
  const running = run(options, stop.signal);
  return {
    async close() {
      stop.abort();
      await running;
      await options.source.save().catch((error: unknown) => {
        const { logger, sink } = options;
        logger.warn(
          { event: forwarderLog.cursorUnsaved, sink: sink.name, err: error },
          'the place in the timeline was not saved: the last events will be sent again',
        );
      });
      await options.sink.close();
    },
  };
}

async function run(options: ForwarderOptions, signal: AbortSignal): Promise<void> {
  const { source, sink, logger, pollIntervalMs = 500, pageMessages = 5_000 } = options;
  while (!signal.aborted) {
    try {
      for await (const page of source.pending(pageMessages)) {
        if (!(await deliverPage(options, page, signal))) return;
        await source.advance(page.stream, page.throughSequence);
      }
    } catch (error) {
      logger.warn(
        { event: forwarderLog.sourceFailed, sink: sink.name, err: error },
        'the timeline cannot be read: trying again',
      );
    }
    await pause(pollIntervalMs, signal);
  }
}

/** False when stopped before everything was delivered: the cursor stays. */
async function deliverPage(options: ForwarderOptions, page: ForwardPage, signal: AbortSignal): Promise<boolean> {
  const { deliveryEvents = 500 } = options;
  for (let from = 0; from < page.events.length; from += deliveryEvents) {
    if (!(await deliver(options, page.events.slice(from, from + deliveryEvents), signal))) return false;
  }
  return true;
}

async function deliver(options: ForwarderOptions, events: readonly OcsfEvent[], signal: AbortSignal): Promise<boolean> {
  const { sink, logger, metrics, maxBackoffMs = 30_000, random = Math.random } = options;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const delivery = await sink.deliver(events);
    switch (delivery.outcome) {
      case 'delivered':
        metrics.delivered(sink.name, events.length);
        return true;
      case 'dead':
        if (events.length > 1) return deliverOneByOne(options, events, signal);
        metrics.dead(sink.name, events.length);
        logger.error(
          { event: forwarderLog.dead, sink: sink.name, uid: events[0]?.metadata.uid, reason: delivery.reason },
          'refused for good: the event stays in the timeline',
        );
        return true;
      case 'retry': {
        metrics.retried(sink.name);
        const backoffMs = Math.min(maxBackoffMs, 250 * 2 ** Math.min(attempt, 20)) * (0.5 + random() / 2);
        const waitMs = Math.max(Math.min(delivery.afterMs, longestWaitMs), backoffMs);
        logger.warn(
          { event: forwarderLog.retry, sink: sink.name, reason: delivery.reason, waitMs, events: events.length },
          'not delivered: trying again',
        );
        await pause(waitMs, signal);
        break;
      }
      default:
        delivery satisfies never;
    }
  }
  return false;
}

/** A receiver that refuses a batch may refuse only one event in it: the others must not share its fate. */
async function deliverOneByOne(
  options: ForwarderOptions,
  events: readonly OcsfEvent[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const event of events) {
    if (!(await deliver(options, [event], signal))) return false;
  }
  return true;
}
