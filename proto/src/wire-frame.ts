/** Frames between domain and wire form. */
import { ProtocolError } from './error.ts';
import type { AgentFrame, CollectorFrame } from './frames.ts';
import { driftline } from './gen/uplink.js';
import { maxCompressedBatchBytes, maxNeedFullObjects, maxUncompressedBatchBytes } from './limits.ts';
import type { Batch } from './message.ts';
import { verdictFromWire, verdictToWire } from './wire-kind.ts';
import { exactInteger, plainBytes, wellFormed } from './wire-value.ts';
import { refFromWire, refToWire } from './wire-ref.ts';

type WireAgentFrame = driftline.v1.AgentFrame.$Properties;
type WireCollectorFrame = driftline.v1.CollectorFrame.$Properties;
type WireBatch = driftline.v1.Batch.$Properties;

const Compression = driftline.v1.Compression;
const wireCompressions: Readonly<Record<Batch['compression'], driftline.v1.Compression>> = {
  none: Compression.COMPRESSION_NONE,
  zstd: Compression.COMPRESSION_ZSTD,
};
const compressions: readonly Batch['compression'][] = ['none', 'zstd'];
const noBytes = new Uint8Array(0);

export function agentFrameToWire(frame: AgentFrame): WireAgentFrame {
  switch (frame.type) {
    case 'hello':
      return { hello: wellFormed(frame) };
    case 'batch':
      return { batch: { ...frame.batch, compression: wireCompressions[frame.batch.compression] } };
    case 'heartbeat':
      return { heartbeat: frame };
  }
}

/** Throws ProtocolError 'undecodable' or 'too-large'. */
export function agentFrameFromWire(wire: WireAgentFrame): AgentFrame {
  if (wire.batch) return { type: 'batch', batch: batchFromWire(wire.batch) };
  if (wire.heartbeat) {
    return {
      type: 'heartbeat',
      sentAtUs: exactInteger(wire.heartbeat.sentAtUs, 'heartbeat.sent_at_us'),
      lastSequence: exactInteger(wire.heartbeat.lastSequence, 'heartbeat.last_sequence'),
      spoolBytes: exactInteger(wire.heartbeat.spoolBytes, 'heartbeat.spool_bytes'),
      spoolLimitBytes: exactInteger(wire.heartbeat.spoolLimitBytes, 'heartbeat.spool_limit_bytes'),
    };
  }
  if (wire.hello) {
    const hello = wire.hello;
    return {
      type: 'hello',
      protocol: hello.protocol ?? 0,
      cluster: hello.cluster ?? '',
      clusterUid: hello.clusterUid ?? '',
      epoch: hello.epoch ?? '',
      instance: hello.instance ?? '',
      firstSequence: exactInteger(hello.firstSequence, 'hello.first_sequence'),
      lastSequence: exactInteger(hello.lastSequence, 'hello.last_sequence'),
      agentVersion: hello.agentVersion ?? '',
      kubernetesVersion: hello.kubernetesVersion ?? '',
      redactionKeyId: hello.redactionKeyId ?? '',
    };
  }
  throw new ProtocolError('undecodable', 'a frame is none of hello, batch, heartbeat');
}

function batchFromWire(wire: WireBatch): Batch {
  const compression = compressions[wire.compression ?? 0];
  if (compression === undefined) throw new ProtocolError('undecodable', 'batch.compression is not known');
  const payload = plainBytes(wire.payload ?? noBytes);
  const uncompressedBytes = wire.uncompressedBytes ?? 0;
  if (payload.length > maxCompressedBatchBytes) {
    throw new ProtocolError('too-large', `a batch payload passes the limit of ${maxCompressedBatchBytes} bytes`);
  }
  if (uncompressedBytes > maxUncompressedBatchBytes) {
    throw new ProtocolError('too-large', `a batch passes the limit of ${maxUncompressedBatchBytes} bytes uncompressed`);
  }
  return {
    firstSequence: exactInteger(wire.firstSequence, 'batch.first_sequence'),
    lastSequence: exactInteger(wire.lastSequence, 'batch.last_sequence'),
    compression,
    uncompressedBytes,
    payload,
  };
}

export function collectorFrameToWire(frame: CollectorFrame): WireCollectorFrame {
  switch (frame.type) {
    case 'welcome':
      return { welcome: frame };
    case 'ack':
      return { ack: frame };
    case 'credit':
      return { credit: frame };
    case 'resend':
      return { resend: frame };
    case 'need-full':
      return { needFull: { objects: frame.objects.map(refToWire) } };
    case 'kind-verdict':
      return { kindVerdict: verdictToWire(frame) };
    case 'refused':
      return { refused: wellFormed(frame) };
  }
}

/** Throws ProtocolError 'undecodable' or 'too-large'. */
export function collectorFrameFromWire(wire: WireCollectorFrame): CollectorFrame {
  if (wire.ack) {
    return {
      type: 'ack',
      acceptedSequence: exactInteger(wire.ack.acceptedSequence, 'ack.accepted_sequence'),
      recordedSequence: exactInteger(wire.ack.recordedSequence, 'ack.recorded_sequence'),
    };
  }
  if (wire.credit) return { type: 'credit', bytes: wire.credit.bytes ?? 0 };
  if (wire.welcome) {
    return {
      type: 'welcome',
      recordedSequence: exactInteger(wire.welcome.recordedSequence, 'welcome.recorded_sequence'),
      creditBytes: wire.welcome.creditBytes ?? 0,
      heartbeatIntervalMs: wire.welcome.heartbeatIntervalMs ?? 0,
    };
  }
  if (wire.resend) {
    return { type: 'resend', fromSequence: exactInteger(wire.resend.fromSequence, 'resend.from_sequence') };
  }
  if (wire.needFull) {
    const objects = wire.needFull.objects ?? [];
    if (objects.length > maxNeedFullObjects) {
      throw new ProtocolError('too-large', `need-full names more than ${maxNeedFullObjects} objects`);
    }
    return { type: 'need-full', objects: objects.map(refFromWire) };
  }
  if (wire.kindVerdict) return verdictFromWire(wire.kindVerdict);
  if (wire.refused) {
    const { code, message, retryable, retryAfterMs } = wire.refused;
    return {
      type: 'refused',
      code: code ?? '',
      message: message ?? '',
      retryable: retryable ?? false,
      retryAfterMs: retryAfterMs ?? 0,
    };
  }
  throw new ProtocolError('undecodable', 'a frame is none of the known types');
}
