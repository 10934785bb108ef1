/** A real embedded ClickHouse in a folder of its own, migrated, for one test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import { type Logger, pino } from 'pino';
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { migrate } from '../migrations/migrate.ts';
import { openTimelineReader, type TimelineReader } from '../reader/timeline-reader.ts';
import { openSupervisedClickHouse } from '../server/supervised-clickhouse.ts';

export type TestStore = {
  readonly connection: StoreConnection;
  readonly dataDir: string;
  readonly logger: Logger;
  readonly reader: TimelineReader;
  readonly owner: ClickHouseClient;
  /** Of the server now; it is started again when killed. */
  serverPid(): number;
  close(): Promise<void>;
};

export const silent: Logger = pino({ level: 'silent' });

export async function openTestStore(): Promise<TestStore> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-timeline-'));
  const server = await openSupervisedClickHouse({ dataDir, logger: silent });
  await migrate(server.connection, silent);
  const reader = openTimelineReader(server.connection);
  const owner = openStoreClient(server.connection, 'owner');
  return {
    connection: server.connection,
    dataDir,
    logger: silent,
    reader,
    owner,
    serverPid: server.pid,
    async close() {
      await reader.close();
      await owner.close();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
