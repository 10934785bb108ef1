import { pino } from 'pino';
import type { Logger } from 'pino';
import { openAgent } from './agent.ts';
import { parseConfig, usage } from './config.ts';
import type { AgentConfig } from './config.ts';
import { logEvents } from './log-events.ts';

/** Exit codes: 0 after a clean stop, 1 when the agent could not start or go on, 2 for a wrong invocation. */
async function main(): Promise<number> {
  const config = readConfig();
  if (typeof config === 'number') return config;
  const logger: Logger = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
  const stopping = new AbortController();
  const stop = (): void => {
    // A second signal does not wait for anything.
    if (stopping.signal.aborted) process.exit(1);
    stopping.abort();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    const agent = await openAgent(config, { logger, signal: stopping.signal });
    const end = await Promise.race([stopped, agent.failed.catch((error: unknown) => error)]);
    await agent.close();
    if (end === undefined) return 0;
    return complain(logger, end);
  } catch (error) {
    return stopping.signal.aborted ? 0 : complain(logger, error);
  }
}

function readConfig(): AgentConfig | number {
  try {
    const config = parseConfig(process.argv.slice(2), process.env);
    if (config !== 'help') return config;
    process.stdout.write(`${usage()}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\nSee --help.\n`);
    return 2;
  }
}

function complain(logger: Logger, error: unknown): number {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  logger.fatal({ event: logEvents.agentStartFailed, code, reason });
  return 1;
}

process.exitCode = await main();
