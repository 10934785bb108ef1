/** A ClickHouse that the collector reaches as an external one, through a proxy that refuses or lies about what was done. */
import { openEmbeddedClickHouse } from '@driftline/collector';
import { join } from 'node:path';
import { pino } from 'pino';
import { openFaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import type { FaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import type { StoreAccess } from '../flow/recorded.ts';

export type ProxiedStore = {
  readonly proxy: FaultyProxy;
  readonly pid: number;
  /** The collector's settings of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Without the proxy: the witness is told the truth. */
  readonly access: StoreAccess;
  close(): Promise<void>;
};

export async function openProxiedStore(folder: string): Promise<ProxiedStore> {
  const server = await openEmbeddedClickHouse({ dataDir: join(folder, 'store'), logger: pino({ level: 'silent' }) });
  const { url, database, owner, writer, reader } = server.connection;
  const proxy = await openFaultyProxy(url);
  return {
    proxy,
    pid: server.pid,
    environment: {
      CLICKHOUSE_URL: proxy.url,
      CLICKHOUSE_DATABASE: database,
      CLICKHOUSE_USER: owner.user,
      CLICKHOUSE_PASSWORD: owner.password,
      CLICKHOUSE_WRITER_USER: writer.user,
      CLICKHOUSE_WRITER_PASSWORD: writer.password,
      CLICKHOUSE_READER_USER: reader.user,
      CLICKHOUSE_READER_PASSWORD: reader.password,
    },
    access: { url, database, ...reader },
    async close() {
      proxy.release();
      await proxy.close();
      await server.stop();
    },
  };
}
