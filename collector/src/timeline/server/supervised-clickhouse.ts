/**
 * The embedded server, started again when it ends by itself (killed for its memory, say). It keeps its port, so that
 * clients that retry find it again; the store on disk survives any such end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { logEvents } from '../log-events.ts';
import {
  type EmbeddedClickHouse,
  type EmbeddedClickHouseOptions,
  openEmbeddedClickHouse,
} from './embedded-clickhouse.ts';

const firstBackoffMs = 100;
const maxBackoffMs = 10_000;

/** Throws as openEmbeddedClickHouse when the first start fails; later starts are tried for ever. */
export async function openSupervisedClickHouse(
  options: EmbeddedClickHouseOptions,
): Promise<Pick<EmbeddedClickHouse, 'connection' | 'stop'> & { readonly pid: () => number }> {
  let current = await openEmbeddedClickHouse(options);
  const { connection } = current;
  const port = Number(new URL(connection.url).port);
  const stopping = new AbortController();

  async function startAgain(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      await sleep(Math.min(firstBackoffMs * 2 ** failures, maxBackoffMs), undefined, { signal: stopping.signal });
      try {
        current = await openEmbeddedClickHouse({ ...options, port });
        return;
      } catch (error) {
        options.logger.error({ err: error, dataDir: options.dataDir }, logEvents.serverRestartFailed);
      }
    }
  }

  async function supervise(): Promise<void> {
    while (!stopping.signal.aborted) {
      await current.ended;
      if (!stopping.signal.aborted) await startAgain();
    }
  }

  const supervised = supervise().catch(() => {}); // only the aborted sleep throws
  return {
    connection,
    pid: () => current.pid,
    async stop() {
      stopping.abort();
      await current.stop();
      await supervised;
      // A start that was under way when we aborted has to end as well.
      await current.stop();
    },
  };
}
