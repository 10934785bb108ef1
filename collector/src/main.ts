/** The collector as a process: configuration in, signals out. Exit codes: 0 stopped, 1 failed, 2 not configured. */
import { pino } from 'pino';
import { apiExtension } from './api/api-extension.ts';
import { openCollector } from './collector.ts';
import type { Collector } from './collector.ts';
import { ConfigError, readConfig, usage } from './config.ts';
import type { CollectorConfig } from './config.ts';
import { logEvents } from './log-events.ts';
import { forwardersExtension } from './notify/forwarders-extension.ts';

const readConfigOrExit = (): CollectorConfig => {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
};

if (process.argv.slice(2).some((flag) => flag === '--help' || flag === '-h')) {
  process.stdout.write(`${usage()}\n`);
  process.exit(0);
}
const config = readConfigOrExit();
const logger = pino({ level: config.logLevel, base: null });

const stopping = new AbortController();
const signalled = new Promise<string>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stopping.abort();
      resolve(signal);
    });
});

let collector: Collector;
try {
  const extensions = [apiExtension(), forwardersExtension];
  collector = await openCollector({ config, logger, extensions, signal: stopping.signal });
} catch (error) {
  if (stopping.signal.aborted) {
    logger.info({ event: logEvents.collectorStopping, signal: await signalled });
    process.exit(0);
  }
  logger.fatal({ event: logEvents.collectorFailed, err: error });
  process.exit(1);
}
const ended = await Promise.race([
  signalled.then((signal) => ({ signal, exitCode: 0 })),
  collector.failed.catch(() => ({ signal: '', exitCode: 1 })),
]);
logger.info({ event: logEvents.collectorStopping, signal: ended.signal });
await collector.close().catch((error: unknown) => logger.error({ event: logEvents.collectorFailed, err: error }));
process.exit(ended.exitCode);
