/**
 * The bytes of segment files: FORMAT.md says what each field means. Everything is little-endian. A record is a header
 * and `payloadBytes` that follow it; the header's checksum covers the payload's checksum, so one comparison of each
 * vouches for the whole record. Checksums start from a value made of the epoch, so that bytes which an object in the
 * cluster smuggles into a payload cannot pass for a record.
 */
import { crc32 } from 'node:zlib';

export const segmentHeaderBytes = 40;
export const recordHeaderBytes = 56;
/** Longest payload that a record may claim. A larger claim is damage. */
export const maxRecordPayloadBytes = 64 * 1024 * 1024;

const formatVersion = 1;
const segmentMagic = 0x47534c44; // 'DLSG'
const recordMagic = 0x43524c44; // 'DLRC'
export const recordMagicBytes = Buffer.from('DLRC', 'latin1');

const kinds = { batch: 1, hole: 2 } as const;
const compressions = { none: 0, zstd: 1 } as const;

export type RecordHeader = {
  /** A hole stands for sequences that are lost and confessed; its payload bytes are to be skipped unread. */
  readonly type: 'batch' | 'hole';
  readonly compression: 'none' | 'zstd';
  readonly payloadBytes: number;
  readonly uncompressedBytes: number;
  readonly firstSequence: number;
  /** A hole may be empty: `lastSequence` is then `firstSequence - 1`. */
  readonly lastSequence: number;
  readonly firstObservedAtUs: number;
  readonly lastObservedAtUs: number;
  readonly payloadCrc: number;
};

/** Start value of every checksum of an epoch. */
export const checksumSeed = (epoch: string): number => crc32(epoch);

export function encodeSegmentHeader(epoch: string, firstSequence: number): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.writeUInt32LE(segmentMagic, 0);
  bytes.writeUInt32LE(formatVersion, 4);
  bytes.write(epoch.replaceAll('-', ''), 8, 16, 'hex');
  bytes.writeBigUInt64LE(BigInt(firstSequence), 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 36), checksumSeed(epoch)), 36);
  return bytes;
}

/** 'damaged' also stands for another epoch's segment: both are bytes that this stream did not write. */
export function checkSegmentHeader(bytes: Buffer, epoch: string): 'valid' | 'damaged' | 'other-version' {
  if (bytes.length < segmentHeaderBytes || bytes.readUInt32LE(0) !== segmentMagic) return 'damaged';
  if (bytes.readUInt32LE(36) !== crc32(bytes.subarray(0, 36), checksumSeed(epoch))) return 'damaged';
  return bytes.readUInt32LE(4) === formatVersion ? 'valid' : 'other-version';
}

export function encodeRecordHeader(header: RecordHeader, seed: number): Buffer {
  const bytes = Buffer.alloc(recordHeaderBytes);
  bytes.writeUInt32LE(recordMagic, 0);
  bytes.writeUInt8(formatVersion, 4);
  bytes.writeUInt8(kinds[header.type], 5);
  bytes.writeUInt8(compressions[header.compression], 6);
  bytes.writeUInt32LE(header.payloadBytes, 8);
  bytes.writeUInt32LE(header.uncompressedBytes, 12);
  bytes.writeBigUInt64LE(BigInt(header.firstSequence), 16);
  bytes.writeBigUInt64LE(BigInt(header.lastSequence), 24);
  bytes.writeBigUInt64LE(BigInt(header.firstObservedAtUs), 32);
  bytes.writeBigUInt64LE(BigInt(header.lastObservedAtUs), 40);
  bytes.writeUInt32LE(header.payloadCrc, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 52), seed), 52);
  return bytes;
}

/** The header at `offset`, or undefined where no intact one is. */
export function readRecordHeader(bytes: Buffer, offset: number, seed: number): RecordHeader | undefined {
  if (offset + recordHeaderBytes > bytes.length || bytes.readUInt32LE(offset) !== recordMagic) return undefined;
  if (bytes.readUInt32LE(offset + 52) !== crc32(bytes.subarray(offset, offset + 52), seed)) return undefined;
  const kind = bytes.readUInt8(offset + 5);
  if (bytes.readUInt8(offset + 4) !== formatVersion || (kind !== kinds.batch && kind !== kinds.hole)) return undefined;
  const header: RecordHeader = {
    type: kind === kinds.hole ? 'hole' : 'batch',
    compression: bytes.readUInt8(offset + 6) === compressions.zstd ? 'zstd' : 'none',
    payloadBytes: bytes.readUInt32LE(offset + 8),
    uncompressedBytes: bytes.readUInt32LE(offset + 12),
    firstSequence: Number(bytes.readBigUInt64LE(offset + 16)),
    lastSequence: Number(bytes.readBigUInt64LE(offset + 24)),
    firstObservedAtUs: Number(bytes.readBigUInt64LE(offset + 32)),
    lastObservedAtUs: Number(bytes.readBigUInt64LE(offset + 40)),
    payloadCrc: bytes.readUInt32LE(offset + 48),
  };
  return isPlausible(header) ? header : undefined;
}

export const payloadChecksum = (payload: Uint8Array, seed: number): number => crc32(payload, seed);

function isPlausible(header: RecordHeader): boolean {
  const { firstSequence, lastSequence, payloadBytes, type } = header;
  if (!Number.isSafeInteger(firstSequence) || !Number.isSafeInteger(lastSequence) || firstSequence < 1) return false;
  if (type === 'hole') return lastSequence >= firstSequence - 1;
  return lastSequence >= firstSequence && payloadBytes <= maxRecordPayloadBytes;
}

/** Segment files are named by the first sequence they were made for, so that names sort as the stream does. */
export const segmentName = (firstSequence: number): string => `${String(firstSequence).padStart(16, '0')}.segment`;

/** First sequence of a segment file's name, or undefined for any other file. */
export function sequenceOfName(name: string): number | undefined {
  const match = /^(\d{16})\.segment$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
