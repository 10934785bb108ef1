/** Set-up shared by the tests of the spool: a real directory, small limits, a clock that stands still unless moved. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Message, MessageBody } from '@driftline/proto';
import { pino } from 'pino';
import { openSpool } from './open-spool.ts';
import { noSpoolMetrics } from './spool-metrics.ts';
import { defaultSpoolLimits } from './spool-options.ts';
import type { Loss, NumberedMessage, Spool, SpoolLimits, SpoolOptions } from './spool-options.ts';

export const silentLogger = pino({ level: 'silent' });

export const smallLimits: SpoolLimits = {
  ...defaultSpoolLimits,
  spoolLimitBytes: 1024 * 1024,
  segmentBytes: 4096,
  spoolFullWaitMs: 40,
  batchMaxAgeMs: 1,
  smallBatchIntervalMs: 1,
  diskRetryMs: 5,
  markSyncIntervalMs: 20,
};

export async function temporaryDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'driftline-spool-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 10 }) };
}

const closers = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs when the test ends, what was opened last first: the hooks of a test itself run in the order they were given. */
export function atEnd(context: TestContext, close: () => unknown): void {
  const known = closers.get(context);
  if (known !== undefined) return void known.push(close);
  const list = [close];
  closers.set(context, list);
  context.after(async () => {
    for (const each of list.toReversed()) await each();
  });
}

/** Generous: how long it waits costs only where something is broken, and machines can be busy. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 120_000; !condition(); ) {
    if (performance.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The state that a process killed now would leave behind. A file that goes while it is copied means copying once more. */
export async function copyDirectory(from: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  for (;;) {
    const copy = await temporaryDirectory();
    try {
      await cp(from, copy.path, { recursive: true });
      return copy;
    } catch (error) {
      await copy.remove();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

export async function openTestSpool(
  directory: string,
  options: Partial<Omit<SpoolOptions, 'directory'>> = {},
): Promise<{ readonly spool: Spool; readonly losses: Loss[] }> {
  const losses: Loss[] = [];
  const spool = await openSpool({
    directory,
    limits: smallLimits,
    clock: { nowUs: () => 1_000_000 },
    logger: silentLogger,
    metrics: noSpoolMetrics,
    onLoss: (loss) => losses.push(loss),
    ...options,
  });
  return { spool, losses };
}

/** A body that says which it is. Its filler does not compress, so that segments fill up. */
export function numberedBody(number: number, fillerBytes = 0): MessageBody {
  let filler = '';
  for (let state = number + 1; filler.length < fillerBytes; filler += state.toString(36)) {
    state = (state * 48_271) % 2_147_483_647;
  }
  return { type: 'audit', digest: String(number), event: `{"filler":"${filler}"}`, source: 'webhook' };
}

export const numberOf = (message: Message): number =>
  message.body.type === 'audit' ? Number(message.body.digest) : Number.NaN;

export async function replayAll(spool: Spool, fromSequence = 1): Promise<NumberedMessage[]> {
  const all: NumberedMessage[] = [];
  for await (const item of spool.replay(fromSequence)) all.push(item);
  return all;
}

export async function segmentFiles(directory: string, epoch: string): Promise<string[]> {
  const names = await readdir(join(directory, epoch));
  const segments = names.filter((name) => name.endsWith('.segment')).sort();
  return segments.map((name) => join(directory, epoch, name));
}
