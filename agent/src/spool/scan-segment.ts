import {
  checkSegmentHeader,
  payloadChecksum,
  readRecordHeader,
  recordHeaderBytes,
  recordMagicBytes,
  segmentHeaderBytes,
} from './format.ts';
import type { RecordHeader } from './format.ts';

/** What a segment file holds, in order: intact records, and the regions between them that are none. */
export type ScannedItem =
  | { readonly type: 'record'; readonly header: RecordHeader; readonly offset: number }
  | { readonly type: 'damage'; readonly offset: number; readonly bytes: number };

export type ScannedSegment = {
  readonly header: 'valid' | 'damaged' | 'other-version';
  readonly items: readonly ScannedItem[];
};

/** Reads a whole segment. A damaged region at the end may as well be a torn write: only the caller can tell. */
export function scanSegment(bytes: Buffer, epoch: string, seed: number): ScannedSegment {
  const header = checkSegmentHeader(bytes, epoch);
  if (header === 'other-version') return { header, items: [] };
  return { header, items: [...scanRecords(bytes, segmentHeaderBytes, seed)] };
}

/** Records and damaged regions from `start` to the end of `bytes`. */
export function* scanRecords(bytes: Buffer, start: number, seed: number): Generator<ScannedItem> {
  let offset = Math.min(start, bytes.length);
  let damagedFrom: number | undefined;
  while (offset < bytes.length) {
    const header = readRecordHeader(bytes, offset, seed);
    if (header === undefined || !isIntact(bytes, offset, header, seed)) {
      damagedFrom ??= offset;
      offset = nextCandidate(bytes, offset, header);
      continue;
    }
    if (damagedFrom !== undefined) yield { type: 'damage', offset: damagedFrom, bytes: offset - damagedFrom };
    damagedFrom = undefined;
    yield { type: 'record', header, offset };
    offset += recordHeaderBytes + header.payloadBytes;
  }
  if (damagedFrom !== undefined) yield { type: 'damage', offset: damagedFrom, bytes: bytes.length - damagedFrom };
}

function isIntact(bytes: Buffer, offset: number, header: RecordHeader, seed: number): boolean {
  const start = offset + recordHeaderBytes;
  const end = start + header.payloadBytes;
  if (end > bytes.length) return false;
  return header.type === 'hole' || payloadChecksum(bytes.subarray(start, end), seed) === header.payloadCrc;
}

/** Past a payload that fails its checksum under an intact header; else wherever the next magic is. */
function nextCandidate(bytes: Buffer, offset: number, header: RecordHeader | undefined): number {
  const end = header === undefined ? 0 : offset + recordHeaderBytes + header.payloadBytes;
  if (end > offset && end <= bytes.length) return end;
  const found = bytes.indexOf(recordMagicBytes, offset + 1);
  return found < 0 ? bytes.length : found;
}
