/**
 * `npm start`: the whole system on this machine, in embedded mode. Collector, practice cluster and agent are processes of
 * their own, as they would be elsewhere; ClickHouse is a child of the collector.
 *
 *   credentials → collector → practice cluster (or your kubeconfig) → agent → ready … Ctrl-C → the same in reverse
 */
import { join } from 'node:path';
import { Announcer } from './announce.ts';
import { parseFlags, usage } from './flags.ts';
import { openLocalSystem } from './local-system.ts';
import { UsageError } from './usage-error.ts';

const root = join(import.meta.dirname, '../..');

async function main(): Promise<number> {
  const flags = parseFlags(process.argv.slice(2), root);
  if (flags === 'help') {
    console.log(usage);
    return 0;
  }
  const stopped = new Promise<string>((resolve) => {
    process.once('SIGINT', () => resolve('Ctrl-C'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGHUP', () => resolve('SIGHUP'));
  });
  const announcer = new Announcer();
  const system = await openLocalSystem(flags, announcer, stopped);
  if (system === undefined) {
    console.log('\nstopped before everything was up');
    return 130;
  }
  announcer.ready(system, flags);
  const reason = await Promise.race([stopped, system.failed]);
  const isAsked = ['Ctrl-C', 'SIGTERM', 'SIGHUP'].includes(reason);
  console.log(isAsked ? '\nstopping …' : `\n${reason}\nstopping …`);
  process.once('SIGINT', () => process.exit(130));
  await system.close();
  console.log('stopped; the timeline is kept and the next start goes on with it');
  return isAsked ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`driftline: ${error.message}\n('npm start -- --help' lists the flags)`);
    process.exitCode = 2;
  } else {
    console.error(`driftline: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
process.exit();
