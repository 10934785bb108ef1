/** The timeline as the collector uses it: one call, whichever store the settings name. */
import type { Logger } from 'pino';
import type { StoreConnection } from './connection/store-connection.ts';
import type { StoreSettings } from './connection/store-settings.ts';
import { defaultRetryPolicy } from './writer/until-done.ts';
import { abortable } from '../abortable.ts';
import { patiently } from '../backoff.ts';
import { logEvents } from './log-events.ts';
import { migrate } from './migrations/migrate.ts';
import { TimelineError } from './timeline-error.ts';
import { isRefusal } from './writer/classify-failure.ts';
import { openTimelineReader, type TimelineReader } from './reader/timeline-reader.ts';
import { timelineRecovery } from './recovery/clickhouse-timeline-recovery.ts';
import { openSupervisedClickHouse } from './server/supervised-clickhouse.ts';
import type { TimelineRecovery } from './timeline.ts';
import { type ClickHouseTimelineWriter, openTimelineWriter } from './writer/clickhouse-timeline-writer.ts';

export type TimelineOptions = {
  readonly settings: StoreSettings;
  /** Folder of the embedded server; unused with an external one. */
  readonly dataDir: string;
  readonly logger: Logger;
  readonly nowUs: () => number;
  /** Ends the wait for a store that is away. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each failed attempt to write, and to reach the store at first. */
  readonly onWriteFailure?: (outcome: 'retryable' | 'refused') => void;
  /** Of the embedded server; see EmbeddedClickHouseOptions. */
  readonly maxMemoryBytes?: number;
};

export type Timeline = {
  readonly connection: StoreConnection;
  readonly writer: ClickHouseTimelineWriter;
  readonly recovery: TimelineRecovery;
  readonly reader: TimelineReader;
  close(): Promise<void>;
};

/**
 * Starts the embedded server when there is no other, migrates, and opens writer and reader. An external store that is away
 * or refuses is waited for: an operator can put it right, and until then the agents' spools hold on. Throws TimelineError:
 * 'closed' when the signal ended that, and what waiting cannot mend.
 */
export async function openTimeline(options: TimelineOptions): Promise<Timeline> {
  const { connection, stopServer } = await openServer(options);
  try {
    const writer = await openWhenThere(connection, options);
    const reader = openTimelineReader(connection);
    return {
      connection,
      writer,
      recovery: timelineRecovery(reader),
      reader,
      async close() {
        await writer.close();
        await reader.close();
        await stopServer();
      },
    };
  } catch (error) {
    await stopServer();
    throw error;
  }
}

async function openWhenThere(
  connection: StoreConnection,
  { settings, logger, nowUs, onWriteFailure, signal = new AbortController().signal }: TimelineOptions,
): Promise<ClickHouseTimelineWriter> {
  const onFailure = onWriteFailure === undefined ? {} : { onFailure: onWriteFailure };
  const open = async (): Promise<ClickHouseTimelineWriter> => {
    await migrate(connection, logger);
    return openTimelineWriter({ connection, logger, nowUs, ...onFailure });
  };
  if (settings.mode === 'embedded') return open();
  const { firstBackoffMs: firstMs, maxBackoffMs: maxMs } = defaultRetryPolicy;
  const opened = await patiently(() => unlessAborted(open(), signal).catch(unlessFinal), {
    backoff: { firstMs, maxMs },
    random: Math.random,
    signal,
    onFailure({ attempt, waitMs, error }) {
      onWriteFailure?.(isRefusal(error) ? 'refused' : 'retryable');
      logger.error({ url: connection.url, attempt, waitMs, err: error }, logEvents.storeAwaited);
    },
  });
  if (opened === undefined) throw new TimelineError('closed', `told to stop before ${connection.url} could be used`);
  if (opened.value instanceof TimelineError) throw opened.value;
  return opened.value;
}

/** A store that hangs holds nobody up who is told to stop. */
async function unlessAborted(
  opening: Promise<ClickHouseTimelineWriter>,
  signal: AbortSignal,
): Promise<ClickHouseTimelineWriter> {
  try {
    return await abortable(opening, signal);
  } catch (error) {
    void opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
}

/** What the store holds cannot be worked with: that stays so. */
function unlessFinal(error: unknown): TimelineError {
  if (error instanceof TimelineError && !error.retryable) return error;
  throw error;
}

async function openServer(
  options: TimelineOptions,
): Promise<{ connection: StoreConnection; stopServer: () => Promise<void> }> {
  if (options.settings.mode === 'external')
    return { connection: options.settings.connection, stopServer: async () => {} };
  const { dataDir, logger, maxMemoryBytes } = options;
  const server = await openSupervisedClickHouse({
    dataDir,
    logger,
    ...(maxMemoryBytes === undefined ? {} : { maxMemoryBytes }),
  });
  return { connection: server.connection, stopServer: () => server.stop() };
}
