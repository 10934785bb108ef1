/**
 * Between the domain types of message.ts and frames.ts and the generated wire types. Decoding trusts nothing: wrong
 * bytes, invalid UTF-8, unknown enum words, inexact integers and missing bodies are a ProtocolError 'undecodable', and
 * what passes a limit is 'too-large'. Unknown fields are ignored, so that a newer peer can add some.
 */
import protobuf from 'protobufjs/minimal.js';
import { countEntries } from './count-entries.ts';
import { ProtocolError } from './error.ts';
import type { AgentFrame, CollectorFrame } from './frames.ts';
import { driftline } from './gen/uplink.js';
import { maxFrameBytes, maxMessagesPerBatch, maxUncompressedBatchBytes } from './limits.ts';
import type { Message } from './message.ts';
import { agentFrameFromWire, agentFrameToWire, collectorFrameFromWire, collectorFrameToWire } from './wire-frame.ts';
import { messageFromWire, messageToWire } from './wire-message.ts';
import { plainBytes } from './wire-value.ts';

const wire = driftline.v1;

/** Both directions of one kind of frame. */
export type FrameCodec<T> = {
  readonly encode: (frame: T) => Uint8Array;
  /** Throws ProtocolError 'undecodable' or 'too-large'. */
  readonly decode: (bytes: Uint8Array) => T;
};

/** The uncompressed payload of a batch. Throws 'too-large' beyond maxMessagesPerBatch or maxUncompressedBatchBytes. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  if (messages.length > maxMessagesPerBatch) {
    throw new ProtocolError('too-large', `a batch holds at most ${maxMessagesPerBatch} messages`);
  }
  const bytes = wire.Messages.encode({ messages: messages.map(messageToWire) }).finish();
  return plainBytes(bounded(bytes, maxUncompressedBatchBytes, 'batch'));
}

/** The messages of an uncompressed payload. Throws 'undecodable' or 'too-large'. */
export function decodeMessages(bytes: Uint8Array): readonly Message[] {
  bounded(bytes, maxUncompressedBatchBytes, 'batch');
  reading('batch', () => countEntries(readerOf(bytes)));
  const decoded = reading('batch', () => wire.Messages.decode(readerOf(bytes)));
  return (decoded.messages ?? []).map(messageFromWire);
}

/** Frames that the agent sends. */
export const agentFrame: FrameCodec<AgentFrame> = {
  encode: (frame) => plainBytes(wire.AgentFrame.encode(agentFrameToWire(frame)).finish()),
  decode(bytes) {
    bounded(bytes, maxFrameBytes, 'frame');
    return agentFrameFromWire(reading('frame', () => wire.AgentFrame.decode(readerOf(bytes))));
  },
};

/** Frames that the collector sends. */
export const collectorFrame: FrameCodec<CollectorFrame> = {
  encode: (frame) => plainBytes(wire.CollectorFrame.encode(collectorFrameToWire(frame)).finish()),
  decode(bytes) {
    bounded(bytes, maxFrameBytes, 'frame');
    return collectorFrameFromWire(reading('frame', () => wire.CollectorFrame.decode(readerOf(bytes))));
  },
};

function readerOf(bytes: Uint8Array): protobuf.Reader {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = true;
  return reader;
}

function bounded(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  if (bytes.length > limit) {
    throw new ProtocolError('too-large', `a ${what} of ${bytes.length} bytes passes the limit of ${limit} bytes`);
  }
  return bytes;
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError('undecodable', `the ${what} is not valid Protocol Buffers`, { cause });
  }
}
