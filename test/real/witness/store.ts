/** A ClickHouse that the collector reaches as an external one, through a proxy that refuses or lies about what was done. */
import { openEmbeddedClickHouse } from '@driftline/collector';
import { join } from 'node:path';
import { pino } from 'pino';
import { openFaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import type { FaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import { readerOf, storeVariables } from '../flow/external-store.ts';
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
  const proxy = await openFaultyProxy(server.connection.url);
  return {
    proxy,
    pid: server.pid,
    environment: storeVariables({ ...server.connection, url: proxy.url }),
    access: readerOf(server.connection),
    async close() {
      proxy.release();
      await proxy.close();
      await server.stop();
    },
  };
}
