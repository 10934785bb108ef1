/** From the bytes of a batch to its messages, within limits. Garbage is an outcome: it must not stop the line. */
import { decodeMessages } from '@driftline/proto';
import type { Batch, Message } from '@driftline/proto';
import { zstdDecompressSync } from 'node:zlib';

export type Decoded =
  | { readonly type: 'messages'; readonly messages: readonly Message[] }
  | { readonly type: 'undecodable'; readonly reason: string; readonly detail: string };

const undecodable = (reason: string, detail: string): Decoded => ({ type: 'undecodable', reason, detail });

/** The name of an error and its code, never its text: text of parsers can quote the input. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown failure';
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return `${error.name}${code}`;
};

/** What a batch says of its size is what it was let in by: memory is counted with it. */
const decompress = (batch: Batch, limitBytes: number): Uint8Array =>
  batch.compression === 'none'
    ? batch.payload
    : zstdDecompressSync(batch.payload, { maxOutputLength: Math.min(limitBytes, batch.uncompressedBytes) });

export const decode = (batch: Batch, limits: { readonly batchUncompressedBytes: number }): Decoded => {
  let bytes: Uint8Array;
  try {
    bytes = decompress(batch, limits.batchUncompressedBytes);
  } catch (error) {
    return undecodable('decompression', describe(error));
  }
  let messages: readonly Message[];
  try {
    messages = decodeMessages(bytes);
  } catch (error) {
    return undecodable('decoding', describe(error));
  }
  const expected = batch.lastSequence - batch.firstSequence + 1;
  if (messages.length !== expected)
    return undecodable('count', `${messages.length} messages for ${expected} sequences`);
  return { type: 'messages', messages };
};
