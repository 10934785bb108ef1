import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Batch } from '@driftline/proto';
import { payloadChecksum, readRecordHeader, recordHeaderBytes, segmentHeaderBytes } from './format.ts';
import type { RecordHeader } from './format.ts';
import { scanRecords } from './scan-segment.ts';
import type { LogRecord, Range, Segment, SegmentLog } from './segment-log.ts';

export type ReadOptions = {
  /** Keeps waiting at the end of the log for what comes; false: ends at what is durable when it gets there. */
  readonly isFollowing: boolean;
  readonly signal?: AbortSignal;
  /** Sequences that should be in the log and are not: found damaged while reading. */
  readonly onLost: (range: Range) => void;
};

type Found = {
  /** Undefined at the end of what can be read of the segment. */
  readonly header: RecordHeader | undefined;
  readonly payload: Uint8Array;
  /** Everything before this that was not found is not there. */
  readonly untilSequence: number;
};
type FoundRecord = { readonly header: RecordHeader; readonly payload: Uint8Array };

const nothing = Buffer.alloc(0);

/**
 * The batches of the log in order, from the one that holds `fromSequence` or the first after it. Holes are stepped over:
 * a batch that does not continue the one before it says that what lies between is gone and confessed.
 */
export async function* readLog(log: SegmentLog, fromSequence: number, options: ReadOptions): AsyncGenerator<Batch> {
  let next = log.firstHeld(fromSequence);
  while (!isAborted(options.signal)) {
    const segment = log.segments.find((candidate) => candidate.lastSequence >= next);
    if (segment === undefined) {
      if (next <= log.lastSequence) next = missed(log, next, log.lastSequence + 1, options);
      if (!options.isFollowing) return;
      await waitForGrowth(log, next, options.signal);
      continue;
    }
    for await (const { header, payload, untilSequence } of readSegment(log, segment, next, options)) {
      next = missed(log, next, untilSequence, options);
      if (header === undefined) continue;
      if (header.type === 'batch') yield batchOf(header, payload);
      next = log.firstHeld(header.lastSequence + 1);
    }
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** Reports [next, until) unless it is known to be gone; returns where the log goes on. */
function missed(log: SegmentLog, next: number, untilSequence: number, options: ReadOptions): number {
  const held = log.firstHeld(next);
  if (held >= untilSequence) return held;
  options.onLost({ fromSequence: held, toSequence: untilSequence - 1 });
  return untilSequence;
}

async function waitForGrowth(log: SegmentLog, next: number, signal: AbortSignal | undefined): Promise<void> {
  if (log.lastSequence >= next || isAborted(signal)) return;
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal?.addEventListener('abort', abort, { once: true });
  await Promise.race([log.grown(), aborted.promise]);
  signal?.removeEventListener('abort', abort);
}

/** Records of one segment that end at or after `next`; follows the file while it is appended to, if asked to. */
async function* readSegment(
  log: SegmentLog,
  segment: Segment,
  next: number,
  { isFollowing, signal }: ReadOptions,
): AsyncGenerator<Found> {
  const end = (): Found => ({ header: undefined, payload: nothing, untilSequence: segment.lastSequence + 1 });
  const file = await openExisting(segment.path);
  if (file === undefined) return yield end();
  try {
    let offset = segmentHeaderBytes;
    let isAtEnd = false;
    while (!isAborted(signal)) {
      if (offset >= segment.bytes) {
        if (!isFollowing || !log.isActive(segment)) return yield end();
        await waitForGrowth(log, segment.lastSequence + 1, signal);
        isAtEnd = true;
        continue;
      }
      const latest: LogRecord | undefined = isAtEnd ? log.latest(segment, offset) : undefined;
      isAtEnd &&= latest !== undefined;
      const found = latest ?? (await readRecord(log, file, offset, next));
      if (found === undefined) {
        offset = await nextIntact(log, file, segment, offset);
        continue;
      }
      const { header, payload } = found;
      offset += recordHeaderBytes + header.payloadBytes;
      if (header.lastSequence >= next) yield { header, payload, untilSequence: header.firstSequence };
    }
  } finally {
    await file.close();
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The record at `offset`; its payload is left unread when it ends before `next`. Undefined when it is damaged. */
async function readRecord(
  log: SegmentLog,
  file: FileHandle,
  offset: number,
  next: number,
): Promise<FoundRecord | undefined> {
  const bytes = await readAt(file, offset, recordHeaderBytes);
  const header = readRecordHeader(bytes, 0, log.seed);
  if (header === undefined) return undefined;
  if (header.type === 'hole' || header.lastSequence < next) return { header, payload: nothing };
  const payload = await readAt(file, offset + recordHeaderBytes, header.payloadBytes);
  const isIntact = payload.length === header.payloadBytes && payloadChecksum(payload, log.seed) === header.payloadCrc;
  return isIntact ? { header, payload } : undefined;
}

async function nextIntact(log: SegmentLog, file: FileHandle, segment: Segment, offset: number): Promise<number> {
  const bytes = await readAt(file, offset, segment.bytes - offset);
  for (const item of scanRecords(bytes, 0, log.seed)) if (item.type === 'record') return offset + item.offset;
  return segment.bytes;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(Math.max(0, length));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
  return bytes.subarray(0, bytesRead);
}

function batchOf(header: RecordHeader, payload: Uint8Array): Batch {
  const { firstSequence, lastSequence, compression, uncompressedBytes } = header;
  return { firstSequence, lastSequence, compression, uncompressedBytes, payload };
}
