/**
 * Admission of a batch to its stream. A stream (tenant, cluster, epoch) is a gapless run of sequences, cut into batches
 * whose boundaries never move; so a batch is either the next one, one that was seen before, or proof that some are
 * missing. What is missing is asked for again, unless the agent has said that it no longer holds it.
 */
import type { StreamBatch } from '../bus/bus.ts';
import type { SequenceRange } from '../timeline/timeline.ts';

export type Missing = SequenceRange;

export type Admission =
  /** `fromSequence` is the first message to apply; `missing` lies before it and is gone for good. */
  | { readonly type: 'admitted'; readonly fromSequence: number; readonly missing: Missing | undefined }
  | { readonly type: 'duplicate' }
  | { readonly type: 'hole'; readonly resendFrom: number };

/** @param nextSequence the sequence that would continue the stream without a hole */
export const admit = (nextSequence: number, item: StreamBatch): Admission => {
  const { firstSequence, lastSequence } = item.batch;
  if (lastSequence < nextSequence) return { type: 'duplicate' };
  if (firstSequence <= nextSequence) return { type: 'admitted', fromSequence: nextSequence, missing: undefined };
  if (item.oldestSequence >= firstSequence) {
    const missing = { fromSequence: nextSequence, toSequence: firstSequence - 1 };
    return { type: 'admitted', fromSequence: firstSequence, missing };
  }
  return { type: 'hole', resendFrom: Math.max(nextSequence, item.oldestSequence) };
};

/** Bounds of a batch that hold before anything of it is read. Returns the sentence that says what is wrong. */
export const batchFault = (
  batch: StreamBatch['batch'],
  limits: { readonly batchBytes: number; readonly batchUncompressedBytes: number; readonly batchMessages: number },
): string | undefined => {
  const { firstSequence, lastSequence, payload, uncompressedBytes } = batch;
  if (!Number.isSafeInteger(firstSequence) || !Number.isSafeInteger(lastSequence) || firstSequence < 1)
    return 'sequences must be whole numbers from 1';
  if (lastSequence < firstSequence) return `last sequence ${lastSequence} lies before the first, ${firstSequence}`;
  const messages = lastSequence - firstSequence + 1;
  if (messages > limits.batchMessages) return `${messages} messages are more than ${limits.batchMessages}`;
  if (payload.byteLength === 0) return 'the payload is empty';
  if (payload.byteLength > limits.batchBytes) return `${payload.byteLength} bytes are more than ${limits.batchBytes}`;
  if (uncompressedBytes > limits.batchUncompressedBytes)
    return `${uncompressedBytes} uncompressed bytes are more than ${limits.batchUncompressedBytes}`;
  return undefined;
};
