/**
 * What an agent said on the wire, taken from the bytes that a proxy saw: HTTP/2 frames → gRPC messages → uplink frames.
 * Only the client's direction, and only what is whole: a cut connection ends in the middle of something.
 */
import { zstdDecompressSync } from 'node:zlib';
import { type AgentFrame, type Batch, type Message, agentFrame, decodeMessages } from '@driftline/proto';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const dataFrame = 0;
const paddedFlag = 0x8;

export function framesOf(connection: Buffer): readonly AgentFrame[] {
  const frames: AgentFrame[] = [];
  for (const bytes of streamsOf(connection)) {
    for (let at = 0; at + 5 <= bytes.length; ) {
      const length = bytes.readUInt32BE(at + 1);
      if (at + 5 + length > bytes.length) break;
      if (bytes[at] !== 0) throw new Error('a gRPC message is compressed: batches bring their own compression');
      frames.push(agentFrame.decode(bytes.subarray(at + 5, at + 5 + length)));
      at += 5 + length;
    }
  }
  return frames;
}

export function messagesOf(connection: Buffer): readonly Message[] {
  return framesOf(connection).flatMap((frame) => (frame.type === 'batch' ? messagesIn(frame.batch) : []));
}

export function messagesIn({ payload, compression }: Batch): readonly Message[] {
  return decodeMessages(compression === 'zstd' ? zstdDecompressSync(payload) : payload);
}

/** The payload of each HTTP/2 stream. */
function streamsOf(connection: Buffer): readonly Buffer[] {
  const streams = new Map<number, Buffer[]>();
  for (let at = preface.length; at + 9 <= connection.length; ) {
    const length = connection.readUIntBE(at, 3);
    const type = connection[at + 3];
    const flags = connection[at + 4] ?? 0;
    const stream = connection.readUInt32BE(at + 5) & 0x7fffffff;
    const payload = connection.subarray(at + 9, at + 9 + length);
    if (payload.length < length) break;
    if (type === dataFrame) {
      const padding = (flags & paddedFlag) === 0 ? 0 : (payload[0] ?? 0) + 1;
      const data = padding === 0 ? payload : payload.subarray(1, payload.length - padding + 1);
      streams.set(stream, [...(streams.get(stream) ?? []), data]);
    }
    at += 9 + length;
  }
  return [...streams.values()].map((chunks) => Buffer.concat(chunks));
}
