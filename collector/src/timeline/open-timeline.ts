/** The timeline as the collector uses it: one call, whichever store the settings name. */
import type { Logger } from 'pino';
import type { StoreConnection } from './connection/store-connection.ts';
import type { StoreSettings } from './connection/store-settings.ts';
import { migrate } from './migrations/migrate.ts';
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
  /** Told of each failed attempt to write. */
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

/** Starts the embedded server when there is no other, migrates, and opens writer and reader. */
export async function openTimeline(options: TimelineOptions): Promise<Timeline> {
  const { connection, stopServer } = await openServer(options);
  try {
    await migrate(connection, options.logger);
    const { logger, nowUs, onWriteFailure } = options;
    const onFailure = onWriteFailure === undefined ? {} : { onFailure: onWriteFailure };
    const writer = await openTimelineWriter({ connection, logger, nowUs, ...onFailure });
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
