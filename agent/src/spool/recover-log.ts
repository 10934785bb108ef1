/**
 * Finds out what a log holds after any end of the process or the machine, and any damage to its files.
 *
 * Every sequence above the floor must be covered by an intact record. What is not covered between two records, or
 * before the last durable sequence that the mark tells of, is lost: it becomes a planned hole, which the caller confesses
 * in the stream first and then writes down (`fill`), so that the next start finds it covered. What follows the last
 * record and the mark does not promise was never acknowledged to anybody: a torn write, cut off.
 */
import { open, readdir, readFile, rm, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeRecordHeader, encodeSegmentHeader, recordHeaderBytes, segmentName, sequenceOfName } from './format.ts';
import type { RecordHeader } from './format.ts';
import type { Mark } from './mark-file.ts';
import { scanSegment } from './scan-segment.ts';
import type { Range, Segment, SegmentLog } from './segment-log.ts';
import { SpoolError } from './spool-error.ts';
import { syncDirectory } from './sync-directory.ts';

/** Bytes of a segment file that are no record. */
type Damage = { readonly path: string; readonly offset: number; readonly bytes: number };

export type PlannedHole = Range & {
  /** Times of the records around the hole; 0 when unknown. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Where the lost records lay; empty when their file is missing. */
  readonly damages: readonly Damage[];
};

export type Recovery = {
  readonly holes: readonly PlannedHole[];
  /** Bytes of torn writes that were cut off. */
  readonly tornBytes: number;
};

type Progress = {
  /** The sequence that continues what was found; 0 before the first record. */
  nextSequence: number;
  lastUs: number;
  /** Since the last record. */
  damages: Damage[];
  readonly floorSequence: number;
  readonly holes: PlannedHole[];
};

export async function recoverLog(log: SegmentLog, mark: Mark): Promise<Recovery> {
  log.floorSequence = mark.floorSequence;
  const paths = await segmentPaths(log.directory);
  const { floorSequence } = mark;
  const progress: Progress = { nextSequence: 0, lastUs: 0, damages: [], floorSequence, holes: [] };
  for (const path of paths) await recoverSegment(log, path, progress);
  progress.nextSequence = Math.max(progress.nextSequence, floorSequence + 1);
  if (mark.durableSequence >= progress.nextSequence) lose(progress, mark.durableSequence + 1, mark.lastObservedAtUs);
  const tornBytes = await cutOff(log, progress.damages);
  log.lastSequence = progress.nextSequence - 1;
  log.lastObservedAtUs = Math.max(progress.lastUs, mark.lastObservedAtUs);
  for (const hole of progress.holes) log.addHole(hole);
  return { holes: progress.holes, tornBytes };
}

/**
 * Writes down that the sequences of a hole are lost and nothing is left to be confessed of them. Call it when what had to
 * be confessed is durable. Segments may have been let go meanwhile.
 */
export async function fillHole(log: SegmentLog, hole: PlannedHole): Promise<void> {
  let isFilled = hole.toSequence <= log.floorSequence;
  for (const damage of hole.damages) {
    if (!log.segments.some((segment) => segment.path === damage.path)) await rm(damage.path, { force: true });
    else if (isFilled) continue;
    else if (damage.bytes < recordHeaderBytes) await truncate(damage.path, damage.offset);
    else {
      const toSequence = isFilled ? hole.fromSequence - 1 : hole.toSequence;
      const header = holeHeader({ ...hole, toSequence }, damage.bytes - recordHeaderBytes);
      await writeAt(damage.path, encodeRecordHeader(header, log.seed), damage.offset);
      isFilled = true;
    }
  }
  if (!isFilled) await createHoleSegment(log, hole);
}

async function segmentPaths(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  const numbered = names.filter((name) => sequenceOfName(name) !== undefined);
  return numbered.sort().map((name) => join(directory, name));
}

async function recoverSegment(log: SegmentLog, path: string, progress: Progress): Promise<void> {
  const bytes = await readFile(path);
  const scanned = scanSegment(bytes, log.epoch, log.seed);
  if (scanned.header === 'other-version') {
    throw new SpoolError('unusable', `${path} was written by another version of the agent: use that version`);
  }
  const segment: Segment = {
    path,
    firstSequence: 0,
    lastSequence: 0,
    bytes: bytes.length,
    firstObservedAtUs: 0,
    lastObservedAtUs: 0,
  };
  for (const item of scanned.items) {
    if (item.type === 'damage') progress.damages.push({ path, offset: item.offset, bytes: item.bytes });
    else takeRecord(log, segment, item.header, progress);
  }
  const isDamagedOnly = segment.firstSequence === 0 && scanned.items.some((item) => item.type === 'damage');
  if (segment.firstSequence > 0 && segment.lastSequence > log.floorSequence) log.adopt(segment);
  else if (!isDamagedOnly) await unlink(path);
}

function takeRecord(log: SegmentLog, segment: Segment, header: RecordHeader, progress: Progress): void {
  if (header.type === 'hole' && header.lastSequence < header.firstSequence) return;
  if (progress.nextSequence === 0) progress.nextSequence = Math.min(header.firstSequence, log.floorSequence + 1);
  if (header.firstSequence > progress.nextSequence) lose(progress, header.firstSequence, header.firstObservedAtUs);
  progress.damages = [];
  if (header.type === 'hole' && header.lastSequence > log.floorSequence) {
    log.addHole({ fromSequence: header.firstSequence, toSequence: header.lastSequence });
  }
  if (segment.firstSequence === 0) segment.firstSequence = header.firstSequence;
  if (segment.firstObservedAtUs === 0) segment.firstObservedAtUs = header.firstObservedAtUs;
  segment.lastSequence = Math.max(segment.lastSequence, header.lastSequence);
  segment.lastObservedAtUs = Math.max(segment.lastObservedAtUs, header.lastObservedAtUs);
  progress.nextSequence = Math.max(progress.nextSequence, header.lastSequence + 1);
  progress.lastUs = Math.max(progress.lastUs, header.lastObservedAtUs);
}

function lose(progress: Progress, untilSequence: number, toUs: number): void {
  const { lastUs: fromUs, damages } = progress;
  const fromSequence = Math.max(progress.nextSequence, progress.floorSequence + 1);
  const toSequence = untilSequence - 1;
  if (fromSequence <= toSequence) progress.holes.push({ fromSequence, toSequence, fromUs, toUs, damages });
  progress.damages = [];
  progress.nextSequence = untilSequence;
}

/** Damage that no record follows and no mark misses. */
async function cutOff(log: SegmentLog, damages: readonly Damage[]): Promise<number> {
  let bytes = 0;
  for (const damage of damages) {
    bytes += damage.bytes;
    const segment = log.segments.find((candidate) => candidate.path === damage.path);
    if (segment === undefined) await unlink(damage.path);
    else {
      await truncate(damage.path, damage.offset);
      log.resize(segment, damage.offset);
    }
  }
  return bytes;
}

function holeHeader(hole: Range & { readonly fromUs: number; readonly toUs: number }, skip: number): RecordHeader {
  return {
    type: 'hole',
    compression: 'none',
    payloadBytes: skip,
    uncompressedBytes: 0,
    firstSequence: hole.fromSequence,
    lastSequence: hole.toSequence,
    firstObservedAtUs: hole.fromUs,
    lastObservedAtUs: Math.max(hole.fromUs, hole.toUs),
    payloadCrc: 0,
  };
}

async function createHoleSegment(log: SegmentLog, hole: PlannedHole): Promise<void> {
  const path = join(log.directory, segmentName(hole.fromSequence));
  // A file of that name can only be one in which no record is left.
  await unlink(path).catch(() => undefined);
  const header = encodeRecordHeader(holeHeader(hole, 0), log.seed);
  const bytes = Buffer.concat([encodeSegmentHeader(log.epoch, hole.fromSequence), header]);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(log.directory);
  log.adopt({
    path,
    firstSequence: hole.fromSequence,
    lastSequence: hole.toSequence,
    bytes: bytes.length,
    firstObservedAtUs: hole.fromUs,
    lastObservedAtUs: hole.toUs,
  });
}

async function writeAt(path: string, bytes: Buffer, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, offset);
    await file.datasync();
  } finally {
    await file.close();
  }
}
