import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { decodeMessages, encodeMessages, maxCompressedBatchBytes, maxUncompressedBatchBytes } from '@driftline/proto';
import type { Batch, Message, MessageBody } from '@driftline/proto';
import { payloadChecksum } from './format.ts';
import type { LogRecord } from './segment-log.ts';
import { SpoolError } from './spool-error.ts';

/** Below this a payload is kept as it is: compression would not pay for itself. */
const minCompressedBytes = 128;
const compressionLevel = 3;
/** Output is allocated in pieces of this. */
const minChunkBytes = 512;
const maxChunkBytes = 64 * 1024;

/** A body above this cannot be sure to fit a batch of the protocol. */
export const maxBodyBytes = maxCompressedBatchBytes - 256 * 1024;

/** Bytes that a body takes at most, near enough to cut batches by. */
export function bodyBytes(body: MessageBody): number {
  const overhead = 256;
  switch (body.type) {
    case 'delta': {
      const evidence = body.managers.reduce((sum, manager) => sum + 64 + 64 * manager.paths.length, 0);
      return overhead + evidence + byteLength(body.full) + byteLength(body.patch);
    }
    case 'audit':
      return overhead + byteLength(body.event);
    default:
      return overhead;
  }
}

const byteLength = (text: string | undefined): number => (text === undefined ? 0 : Buffer.byteLength(text));

/** Messages as they will stay for ever: one record of the log, one batch of the uplink. */
export function makeRecord(messages: readonly Message[], firstSequence: number, seed: number): LogRecord {
  const encoded = encodeAny(messages);
  const isCompressed = encoded.length >= minCompressedBytes;
  const payload = isCompressed ? compress(encoded) : encoded;
  return {
    payload,
    header: {
      type: 'batch',
      compression: isCompressed ? 'zstd' : 'none',
      payloadBytes: payload.length,
      uncompressedBytes: encoded.length,
      firstSequence,
      lastSequence: firstSequence + messages.length - 1,
      firstObservedAtUs: messages[0]?.observedAtUs ?? 0,
      lastObservedAtUs: messages.at(-1)?.observedAtUs ?? 0,
      payloadCrc: payloadChecksum(payload, seed),
    },
  };
}

/**
 * In this thread and one at a time: a batch takes tens of microseconds, less than handing it to another thread does, and
 * each context that works beside it would take a megabyte. Knowing the size, zstd makes its tables no larger than it.
 */
function compress(encoded: Uint8Array): Uint8Array {
  const params = { [constants.ZSTD_c_compressionLevel]: compressionLevel };
  const chunkSize = Math.min(maxChunkBytes, Math.max(minChunkBytes, encoded.length >> 1));
  const options = { params, chunkSize, pledgedSrcSize: encoded.length };
  return zstdCompressSync(encoded, options);
}

/** What cannot be encoded becomes a rejection in its place: it must not block what shares its batch. */
function encodeAny(messages: readonly Message[]): Uint8Array {
  try {
    return encodeMessages(messages);
  } catch {
    return encodeMessages(messages.map((message) => (isEncodable(message) ? message : unencodable(message))));
  }
}

function isEncodable(message: Message): boolean {
  try {
    return decodeMessages(encodeMessages([message])).length === 1;
  } catch {
    return false;
  }
}

function unencodable({ observedAtUs, body }: Message): Message {
  const detail = `a ${body.type} that the protocol cannot carry`;
  return { observedAtUs, body: { type: 'rejected', source: 'spool', reason: 'unencodable', detail, bytes: 0 } };
}

/** The messages of a batch that this spool made. Throws SpoolError 'undecodable'. */
export function openBatch(batch: Batch): readonly Message[] {
  try {
    const limit = { maxOutputLength: maxUncompressedBatchBytes };
    return decodeMessages(batch.compression === 'zstd' ? zstdDecompressSync(batch.payload, limit) : batch.payload);
  } catch (cause) {
    const which = `batch ${batch.firstSequence}–${batch.lastSequence}`;
    throw new SpoolError('undecodable', `${which} is intact on disk and does not decode`, { cause });
  }
}
