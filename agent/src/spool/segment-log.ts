import { constants, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checksumSeed,
  encodeRecordHeader,
  encodeSegmentHeader,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentName,
} from './format.ts';
import type { RecordHeader } from './format.ts';
import { syncDirectory } from './sync-directory.ts';

/** One segment file, as far as it is durable. */
export type Segment = {
  readonly path: string;
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  firstObservedAtUs: number;
  lastObservedAtUs: number;
};

/** Sequences, both ends included. */
export type Range = { readonly fromSequence: number; readonly toSequence: number };

export type LogRecord = { readonly header: RecordHeader; readonly payload: Uint8Array };

/** What the writer needs of a file; node:fs FileHandle has it. */
export type SegmentFile = {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  datasync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
};
export type OpenSegmentFile = (path: string, flags: 'wx' | 'r+') => Promise<SegmentFile>;

/** Where the system has it, a write is durable when it returns: one call of the disk instead of two. */
export const openSegmentFile: OpenSegmentFile = async (path, flags) => {
  const { O_CREAT, O_DSYNC, O_EXCL, O_RDWR, O_WRONLY } = constants;
  // Not on every system, whatever its type says.
  const writesThrough = typeof O_DSYNC === 'number';
  if (!writesThrough) return open(path, flags, 0o600);
  const file = await open(path, O_DSYNC | (flags === 'wx' ? O_WRONLY | O_CREAT | O_EXCL : O_RDWR), 0o600);
  return {
    write: (bytes, offset, length, position) => file.write(bytes, offset, length, position),
    datasync: () => Promise.resolve(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  };
};

/** Of an append that is kept for its readers. Larger ones are read back: then the reads weigh little. */
const maxLatestBytes = 64 * 1024;

type Active = { readonly segment: Segment; readonly file: SegmentFile };

export type SegmentLogOptions = {
  readonly directory: string;
  readonly epoch: string;
  readonly segmentBytes: number;
  readonly openFile: OpenSegmentFile;
};

/**
 * The segments of one epoch, oldest first, and the one file that is being appended to. Everything that `segments` tells
 * is durable. One writer calls `append` at a time; readers open the files themselves.
 */
export class SegmentLog {
  readonly directory: string;
  readonly epoch: string;
  readonly seed: number;
  readonly segments: Segment[] = [];
  /** Lost and confessed sequences above the floor, ascending. */
  readonly holes: Range[] = [];
  lastSequence = 0;
  lastObservedAtUs = 0;
  /** Everything up to here was let go. */
  floorSequence = 0;
  readonly #segmentBytes: number;
  readonly #openFile: OpenSegmentFile;
  #active: Active | undefined;
  #bytes = 0;
  #latest: { readonly segment: Segment; readonly records: ReadonlyMap<number, LogRecord> } | undefined;
  #growth = Promise.withResolvers<void>();

  constructor(options: SegmentLogOptions) {
    this.directory = options.directory;
    this.epoch = options.epoch;
    this.seed = checksumSeed(options.epoch);
    this.#segmentBytes = options.segmentBytes;
    this.#openFile = options.openFile;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The record at this offset, when it came with the last append and that was small: a reader at the end has it at once. */
  latest(segment: Segment, offset: number): LogRecord | undefined {
    return this.#latest?.segment === segment ? this.#latest.records.get(offset) : undefined;
  }

  /** Resolves with the next append. */
  grown(): Promise<void> {
    return this.#growth.promise;
  }

  /** A segment that recovery found. */
  adopt(segment: Segment): void {
    this.segments.push(segment);
    this.segments.sort((a, b) => a.firstSequence - b.firstSequence);
    this.#bytes += segment.bytes;
  }

  /** A segment whose torn end was cut off. */
  resize(segment: Segment, bytes: number): void {
    this.#bytes += bytes - segment.bytes;
    segment.bytes = bytes;
  }

  addHole(hole: Range): void {
    this.holes.push(hole);
    this.holes.sort((a, b) => a.fromSequence - b.fromSequence);
  }

  isActive(segment: Segment): boolean {
    return this.#active?.segment === segment;
  }

  /** The first sequence at or after `from` that the log holds or will hold next. */
  firstHeld(from: number): number {
    let held = Math.max(from, this.floorSequence + 1);
    for (const hole of this.holes) if (hole.fromSequence <= held && held <= hole.toSequence) held = hole.toSequence + 1;
    return held;
  }

  /**
   * Writes whole records and syncs them (one fdatasync). After a rejection none of them is promised: the file is cut
   * back to what was durable and left behind, since the kernel may drop unwritten pages after a failed sync.
   */
  async append(records: readonly LogRecord[]): Promise<void> {
    const active = this.#active ?? (await this.#begin(records[0]?.header.firstSequence ?? this.lastSequence + 1));
    const { segment, file } = active;
    try {
      const bytes = Buffer.concat(
        records.flatMap(({ header, payload }) => [encodeRecordHeader(header, this.seed), payload]),
      );
      await writeFully(file, bytes, segment.bytes);
      await file.datasync();
      this.#grew(segment, records, bytes.length);
    } catch (error) {
      await this.#abandon(active);
      throw error;
    }
    if (segment.bytes >= this.#segmentBytes) await this.seal();
  }

  /** Ends the file that is appended to; the next append begins another. */
  async seal(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    await active?.file.close();
  }

  /** Deletes the oldest segments that end at or before the floor. */
  async reclaim(): Promise<void> {
    const kept = this.holes.filter((hole) => hole.toSequence > this.floorSequence);
    this.holes.splice(0, this.holes.length, ...kept);
    for (let oldest = this.segments[0]; oldest !== undefined; oldest = this.segments[0]) {
      if (oldest.lastSequence > this.floorSequence) return;
      if (this.isActive(oldest)) await this.seal();
      await unlink(oldest.path);
      this.segments.shift();
      this.#bytes -= oldest.bytes;
    }
  }

  async #begin(firstSequence: number): Promise<Active> {
    const path = join(this.directory, segmentName(firstSequence));
    const file = await this.#openFile(path, 'wx');
    try {
      await writeFully(file, encodeSegmentHeader(this.epoch, firstSequence), 0);
      await file.datasync();
      await syncDirectory(this.directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await unlink(path).catch(() => undefined);
      throw error;
    }
    const times = { firstObservedAtUs: 0, lastObservedAtUs: 0 };
    const segment = { path, firstSequence, lastSequence: firstSequence - 1, bytes: segmentHeaderBytes, ...times };
    this.#active = { segment, file };
    this.adopt(segment);
    return this.#active;
  }

  #grew(segment: Segment, records: readonly LogRecord[], bytes: number): void {
    const latest = new Map<number, LogRecord>();
    let offset = segment.bytes;
    for (const record of records) {
      const { header } = record;
      latest.set(offset, record);
      offset += recordBytes(record.payload);
      if (segment.firstObservedAtUs === 0) segment.firstObservedAtUs = header.firstObservedAtUs;
      segment.lastObservedAtUs = header.lastObservedAtUs;
      segment.lastSequence = header.lastSequence;
      this.lastObservedAtUs = header.lastObservedAtUs;
      this.lastSequence = header.lastSequence;
    }
    this.#latest = bytes <= maxLatestBytes ? { segment, records: latest } : undefined;
    segment.bytes += bytes;
    this.#bytes += bytes;
    const growth = this.#growth;
    this.#growth = Promise.withResolvers<void>();
    growth.resolve();
  }

  async #abandon({ segment, file }: Active): Promise<void> {
    this.#active = undefined;
    await file.truncate(segment.bytes).catch(() => undefined);
    await file.close().catch(() => undefined);
    if (segment.bytes > segmentHeaderBytes) return;
    await unlink(segment.path).catch(() => undefined);
    this.segments.splice(this.segments.indexOf(segment), 1);
    this.#bytes -= segment.bytes;
  }
}

/** Record bytes on disk of a payload. */
export const recordBytes = (payload: Uint8Array): number => recordHeaderBytes + payload.byteLength;

async function writeFully(file: SegmentFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
