import { writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** How far the stream has come. All are sequences, 0 for none, except the clock. */
export type Mark = {
  /** Everything up to here was durable. A log that ends before it has lost its tail. */
  readonly durableSequence: number;
  readonly lastObservedAtUs: number;
  /** The collector's bus has everything up to here. */
  readonly acceptedSequence: number;
  /** The timeline has everything up to here. */
  readonly recordedSequence: number;
  /** Everything up to here was let go: recorded and applied, or evicted and confessed. */
  readonly floorSequence: number;
};

export const emptyMark: Mark = {
  durableSequence: 0,
  lastObservedAtUs: 0,
  acceptedSequence: 0,
  recordedSequence: 0,
  floorSequence: 0,
};

export type MarkFile = {
  /** The newest intact mark; undefined when there is none. */
  readonly found: Mark | undefined;
  /** Survives the end of the process when it resolves, and of the machine after `sync`. */
  write(mark: Mark): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
};

const magic = 0x4b4d4c44; // 'DLMK'
const formatVersion = 1;
const slotBytes = 64;
/** Each slot in its own sector, so that a torn write spoils one of them only. */
const slotOffsets = [0, 512] as const;

/** Two slots, written in turn: the older one is intact whatever happens to the write of the newer. */
export async function openMarkFile(directory: string, seed: number): Promise<MarkFile> {
  const file = await openOrCreate(join(directory, 'mark'));
  const bytes = Buffer.alloc(slotOffsets[1] + slotBytes);
  await file.read(bytes, 0, bytes.length, 0);
  const slots = slotOffsets.map((offset) => decodeSlot(bytes.subarray(offset, offset + slotBytes), seed));
  const newest = slots.reduce((best, slot) => ((slot?.generation ?? -1) > (best?.generation ?? -1) ? slot : best));
  let generation = newest?.generation ?? 0;
  return {
    found: newest?.mark,
    async write(mark) {
      generation += 1;
      const slot = encodeSlot(mark, generation, seed);
      // Sixty-four bytes into the page cache take less than handing them to another thread does.
      writeSync(file.fd, slot, 0, slot.length, slotOffsets[generation % 2 === 0 ? 0 : 1]);
    },
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}

/** Written to its full length at once, so that later writes need no room on the disk. */
async function openOrCreate(path: string): Promise<FileHandle> {
  const file = await open(path, 'r+').catch(() => open(path, 'w+', 0o600));
  const { size } = await file.stat();
  const full = slotOffsets[1] + slotBytes;
  if (size < full) await file.write(Buffer.alloc(full - size), 0, full - size, size);
  return file;
}

function encodeSlot(mark: Mark, generation: number, seed: number): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(formatVersion, 4);
  bytes.writeBigUInt64LE(BigInt(generation), 8);
  bytes.writeBigUInt64LE(BigInt(mark.durableSequence), 16);
  bytes.writeBigUInt64LE(BigInt(mark.lastObservedAtUs), 24);
  bytes.writeBigUInt64LE(BigInt(mark.acceptedSequence), 32);
  bytes.writeBigUInt64LE(BigInt(mark.recordedSequence), 40);
  bytes.writeBigUInt64LE(BigInt(mark.floorSequence), 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60), seed), 60);
  return bytes;
}

function decodeSlot(bytes: Buffer, seed: number): { readonly generation: number; readonly mark: Mark } | undefined {
  if (bytes.readUInt32LE(0) !== magic || bytes.readUInt32LE(4) !== formatVersion) return undefined;
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60), seed)) return undefined;
  return {
    generation: Number(bytes.readBigUInt64LE(8)),
    mark: {
      durableSequence: Number(bytes.readBigUInt64LE(16)),
      lastObservedAtUs: Number(bytes.readBigUInt64LE(24)),
      acceptedSequence: Number(bytes.readBigUInt64LE(32)),
      recordedSequence: Number(bytes.readBigUInt64LE(40)),
      floorSequence: Number(bytes.readBigUInt64LE(48)),
    },
  };
}
