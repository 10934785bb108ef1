/**
 * The tokens file, read again while the collector runs, as certificates are: a token that was added or taken away counts
 * from the next request and the next connection on, without a restart. A file that is not usable is logged, and the tokens
 * from before stay: a slip of the pen must not lock everybody out. The gateway ends the streams of tokens that went.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { logEvents } from '../log-events.ts';
import { parseTokens, type TokenBook, TokensError } from './tokens.ts';

export type TokensFile = TokenBook & {
  /** Looks at the file now. Never rejects. */
  reload(): Promise<void>;
  close(): Promise<void>;
};

export type TokensFileOptions = {
  readonly path: string;
  readonly logger: Logger;
  readonly reloadIntervalMs?: number;
};

/** Between two looks at the file. */
const tokensReloadIntervalMs = 10_000;

/** Throws TokensError when the file is not usable at the start. */
export async function openTokensFile(options: TokensFileOptions): Promise<TokensFile> {
  const { path, logger, reloadIntervalMs = tokensReloadIntervalMs } = options;
  let text = await textOf(path);
  let book = parseTokens(text, path);
  let edition = 0;
  let complaint = '';
  const complain = (reason: string): void => {
    if (reason !== complaint) logger.error({ event: logEvents.tokensReloadFailed, reason });
    complaint = reason;
  };
  const reload = async (): Promise<void> => {
    try {
      const next = await textOf(path);
      if (next === text) {
        complaint = '';
        return;
      }
      book = parseTokens(next, path);
      text = next;
      edition += 1;
      complaint = '';
      logger.info({ event: logEvents.tokensReloaded, file: path });
    } catch (error) {
      complain(error instanceof TokensError ? error.message : `tokens file ${path}: it cannot be read`);
    }
  };
  const timer = setInterval(() => void reload(), reloadIntervalMs);
  timer.unref();
  return {
    find: (token) => book.find(token),
    clusterUid: (cluster) => book.clusterUid(cluster),
    edition: () => edition,
    reload,
    async close() {
      clearInterval(timer);
    },
  };
}

/** Once, for who needs no more. Throws TokensError when it cannot be read or parsed. */
export async function readTokens(path: string): Promise<TokenBook> {
  return parseTokens(await textOf(path), path);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new TokensError(`tokens file ${path}: it cannot be read`, { cause });
  }
}
