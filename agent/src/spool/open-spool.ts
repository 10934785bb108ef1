import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gap } from '@driftline/proto';
import { logEvents } from '../log-events.ts';
import { DurableSpool } from './durable-spool.ts';
import { openEpoch, readEpoch, writeEpoch } from './epoch-file.ts';
import type { AbandonedEpoch } from './epoch-file.ts';
import { checksumSeed } from './format.ts';
import { lockDirectory } from './lock-directory.ts';
import type { DirectoryLock } from './lock-directory.ts';
import { emptyMark, openMarkFile } from './mark-file.ts';
import { recoverLog } from './recover-log.ts';
import { openSegmentFile, SegmentLog } from './segment-log.ts';
import { SpoolError } from './spool-error.ts';
import type { Spool, SpoolOptions } from './spool-options.ts';
import { syncDirectory } from './sync-directory.ts';

/** Segments of at least this size, however small the spool. */
const minSegmentBytes = 4096;

/**
 * Opens the spool of a directory, repairs what can be repaired and confesses what cannot. Throws SpoolError 'locked' when
 * another process has it, 'unusable' when its files are of another version or not readable.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory } = options;
  await makeDirectory(directory);
  const lock = await lockDirectory(directory);
  try {
    return await openEpochLog(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Begins another epoch, because the collector and this spool no longer agree about the present one. The spool must be
 * closed. The first message of the new epoch says what of the old one will never be sent.
 */
export async function abandonEpoch(directory: string, abandoned: Omit<AbandonedEpoch, 'epoch'>): Promise<string> {
  const lock = await lockDirectory(directory);
  try {
    const present = await readEpoch(directory);
    const next = await writeEpoch(directory, present && { ...abandoned, epoch: present.epoch });
    return next.epoch;
  } finally {
    lock.release();
  }
}

async function openEpochLog(options: SpoolOptions, lock: DirectoryLock): Promise<DurableSpool> {
  const { epoch, abandoned } = await openEpoch(options.directory);
  const directory = join(options.directory, epoch);
  await makeDirectory(directory);
  await syncDirectory(options.directory);
  await removeOtherEpochs(options.directory, epoch);
  const segmentBytes = Math.max(
    minSegmentBytes,
    Math.min(options.limits.segmentBytes, Math.floor(options.limits.spoolLimitBytes / 8)),
  );
  const log = new SegmentLog({ directory, epoch, segmentBytes, openFile: options.openFile ?? openSegmentFile });
  const markFile = await openMarkFile(directory, checksumSeed(epoch));
  const mark = markFile.found ?? emptyMark;
  try {
    const { holes, tornBytes } = await recoverLog(log, mark);
    const spool = new DurableSpool({ log, markFile, lock }, { mark, holes }, options);
    if (tornBytes > 0) options.logger.warn({ event: logEvents.spoolTornTail, tornBytes });
    if (log.lastSequence === 0 && abandoned !== undefined) await spool.appendDirectly([abandonment(abandoned)]);
    for (const { fromSequence, toSequence } of holes) {
      options.logger.error({ event: logEvents.spoolDamaged, fromSequence, toSequence });
      options.metrics.damaged(toSequence - fromSequence + 1);
      options.onLoss?.({ fromSequence, toSequence, cause: 'spool_damage' });
    }
    spool.start();
    const { lastSequence, bytes } = log;
    options.logger.info({ event: logEvents.spoolOpened, directory, epoch, lastSequence, bytes });
    return spool;
  } catch (error) {
    await markFile.close();
    await log.seal();
    throw error;
  }
}

function abandonment({ epoch, fromSequence, toSequence, reason }: AbandonedEpoch): Gap {
  const unsent = toSequence > 0 ? `; its messages ${fromSequence}–${toSequence} were not recorded` : '';
  const detail = `epoch ${epoch} was abandoned: ${reason}${unsent}`;
  const whole = { group: '', resource: '', fromVersion: '', toVersion: '', fromUs: 0, toUs: 0 };
  return { type: 'gap', ...whole, cause: 'epoch_start', detail, fromSequence: 0, toSequence: 0 };
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new SpoolError('unusable', `cannot make the directory ${directory}: check its parent's permissions`, {
      cause,
    });
  }
}

async function removeOtherEpochs(directory: string, epoch: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries) {
    const isEpoch = entry.isDirectory() && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(entry.name);
    if (isEpoch && entry.name !== epoch) await rm(join(directory, entry.name), { recursive: true, force: true });
  }
}
