/**
 * A batch and feedback as Kafka records. Value of a batch: 4 bytes length of the header (big endian), header (JSON), then
 * the agent's payload as it came: never encoded again. Key: tenant/cluster, so that one cluster is one partition.
 */
import { collectorFrame } from '@driftline/proto';
import type { KindVerdict, ObjectRef } from '@driftline/proto';
import { z } from 'zod';
import type { Feedback, StreamBatch } from './bus.ts';
import type { StreamId } from '../timeline/rows.ts';

/** Bytes of a header; names are bounded where they come in. */
const maxHeaderBytes = 16 * 1024;

const streamSchema = z.object({ tenant: z.string().min(1), cluster: z.string().min(1), epoch: z.string().min(1) });
const sequence = z.number().int().nonnegative();

const headerSchema = z.object({
  stream: streamSchema,
  oldestSequence: sequence,
  firstSequence: sequence,
  lastSequence: sequence,
  compression: z.enum(['none', 'zstd']),
  uncompressedBytes: sequence,
});

const refSchema: z.ZodType<ObjectRef> = z.object({
  group: z.string(),
  resource: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
});

/** The frame as the agent will get it, in Base64: its bytes have a codec of their own. */
const verdictSchema = z.base64().transform((text, context): KindVerdict => {
  try {
    const frame = collectorFrame.decode(Buffer.from(text, 'base64'));
    if (frame.type === 'kind-verdict') return frame;
  } catch {
    // Not ours, as below.
  }
  context.addIssue({ code: 'custom', message: 'not a verdict' });
  return z.NEVER;
});

const feedbackSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('recorded'), stream: streamSchema, sequence }),
  z.object({ type: z.literal('resend'), stream: streamSchema, fromSequence: sequence }),
  z.object({ type: z.literal('need-full'), stream: streamSchema, objects: z.array(refSchema) }),
  z.object({ type: z.literal('kind-verdict'), stream: streamSchema, verdict: verdictSchema }),
]);

export const recordKey = ({ tenant, cluster }: Pick<StreamId, 'tenant' | 'cluster'>): string => `${tenant}/${cluster}`;

export const encodeBatch = ({ stream, oldestSequence, batch }: StreamBatch): Buffer => {
  const { payload, ...rest } = batch;
  const header = Buffer.from(JSON.stringify({ stream, oldestSequence, ...rest }), 'utf8');
  const value = Buffer.allocUnsafe(4 + header.byteLength + payload.byteLength);
  value.writeUInt32BE(header.byteLength, 0);
  value.set(header, 4);
  value.set(payload, 4 + header.byteLength);
  return value;
};

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** undefined when the record is not a batch: somebody else wrote to the topic. */
export const decodeBatch = (value: Buffer | null): StreamBatch | undefined => {
  if (value === null || value.byteLength < 4) return undefined;
  const headerBytes = value.readUInt32BE(0);
  if (headerBytes > maxHeaderBytes || 4 + headerBytes > value.byteLength) return undefined;
  const header = headerSchema.safeParse(parseJson(value.subarray(4, 4 + headerBytes)));
  if (!header.success) return undefined;
  const { stream, oldestSequence, ...batch } = header.data;
  return { stream, oldestSequence, batch: { ...batch, payload: value.subarray(4 + headerBytes) } };
};

export const encodeFeedback = (feedback: Feedback): Buffer => {
  if (feedback.type !== 'kind-verdict') return Buffer.from(JSON.stringify(feedback), 'utf8');
  const verdict = Buffer.from(collectorFrame.encode(feedback.verdict)).toString('base64');
  return Buffer.from(JSON.stringify({ ...feedback, verdict }), 'utf8');
};

export const decodeFeedback = (value: Buffer): Feedback | undefined => {
  const parsed = feedbackSchema.safeParse(parseJson(value));
  return parsed.success ? parsed.data : undefined;
};
