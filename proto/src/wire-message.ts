/** Messages between domain and wire form. */
import { ProtocolError } from './error.ts';
import { driftline } from './gen/uplink.js';
import type { CoverageState, Delta, GapCause, ManagerEvidence, Message, MessageBody, Op } from './message.ts';
import { digestFromWire, entriesFromWire } from './wire-kind.ts';
import { refFromWire, refToWire } from './wire-ref.ts';
import { bytesToText, exactInteger, oneOf, textToBytes, wellFormed } from './wire-value.ts';

type WireMessage = driftline.v1.Message.$Properties;
type WireDelta = driftline.v1.Delta.$Properties;
type WireGap = driftline.v1.Gap.$Properties;

const WireOp = driftline.v1.Op;
const wireOps: Readonly<Record<Op, driftline.v1.Op>> = {
  snapshot: WireOp.OP_SNAPSHOT,
  created: WireOp.OP_CREATED,
  modified: WireOp.OP_MODIFIED,
  deleted: WireOp.OP_DELETED,
};
const ops: readonly (Op | undefined)[] = [undefined, 'snapshot', 'created', 'modified', 'deleted'];
const coverageStates: readonly CoverageState[] = ['listing', 'watched', 'forbidden', 'excluded', 'failing', 'gone'];
const gapCauses: readonly GapCause[] = [
  'relist',
  'epoch_start',
  'spool_full',
  'spool_damage',
  'audit_drop',
  'sequence_hole',
  'undecodable',
  'divergence',
];

export function messageToWire(message: Message): WireMessage {
  const { body, observedAtUs } = message;
  switch (body.type) {
    case 'delta':
      return { observedAtUs, delta: deltaToWire(body) };
    case 'audit':
      return { observedAtUs, audit: { digest: body.digest, event: textToBytes(body.event), source: body.source } };
    case 'gap':
      return { observedAtUs, gap: wellFormed(body) };
    case 'kind-synced':
      return { observedAtUs, kindSynced: wellFormed(body) };
    case 'coverage':
      return { observedAtUs, coverage: wellFormed(body) };
    case 'rejected':
      return { observedAtUs, rejected: wellFormed(body) };
    case 'kind-digest':
      return { observedAtUs, kindDigest: wellFormed(body) };
    case 'kind-entries':
      return { observedAtUs, kindEntries: wellFormed(body) };
  }
}

/** Throws ProtocolError 'undecodable'. */
export function messageFromWire(wire: WireMessage): Message {
  return { observedAtUs: exactInteger(wire.observedAtUs, 'observed_at_us'), body: bodyFromWire(wire) };
}

function bodyFromWire(wire: WireMessage): MessageBody {
  if (wire.delta) return deltaFromWire(wire.delta);
  if (wire.audit) {
    return {
      type: 'audit',
      digest: wire.audit.digest ?? '',
      event: requiredText(wire.audit.event, 'audit.event'),
      source: oneOf(wire.audit.source, ['webhook', 'log'], 'audit.source'),
    };
  }
  if (wire.gap) return gapFromWire(wire.gap);
  if (wire.kindSynced) {
    const { group, resource, kind, resourceVersion, objects } = wire.kindSynced;
    return {
      type: 'kind-synced',
      group: group ?? '',
      resource: resource ?? '',
      kind: kind ?? '',
      resourceVersion: resourceVersion ?? '',
      objects: objects ?? 0,
    };
  }
  if (wire.coverage) {
    const { group, resource, kind, state, reason } = wire.coverage;
    return {
      type: 'coverage',
      group: group ?? '',
      resource: resource ?? '',
      kind: kind ?? '',
      state: oneOf(state, coverageStates, 'coverage.state'),
      reason: reason ?? '',
    };
  }
  if (wire.rejected) {
    const { source, reason, detail, bytes } = wire.rejected;
    return { type: 'rejected', source: source ?? '', reason: reason ?? '', detail: detail ?? '', bytes: bytes ?? 0 };
  }
  if (wire.kindDigest) return digestFromWire(wire.kindDigest);
  if (wire.kindEntries) return entriesFromWire(wire.kindEntries);
  throw new ProtocolError('undecodable', 'a message has no body of a known type');
}

function deltaToWire(delta: Delta): WireDelta {
  return {
    ref: refToWire(delta.ref),
    apiVersion: delta.apiVersion,
    resourceVersion: delta.resourceVersion.toWellFormed(),
    op: wireOps[delta.op],
    baseHash: delta.baseHash,
    contentHash: delta.contentHash,
    ...(delta.full === undefined ? undefined : { full: textToBytes(delta.full) }),
    ...(delta.patch === undefined ? undefined : { patch: textToBytes(delta.patch) }),
    managers: delta.managers.map((evidence) => ({
      ...wellFormed(evidence),
      paths: evidence.paths.map((path) => path.toWellFormed()),
    })),
    synthesised: delta.synthesised,
    notBeforeUs: delta.notBeforeUs,
    versionSwitch: delta.versionSwitch,
  };
}

function deltaFromWire(wire: WireDelta): Delta {
  const op = ops[wire.op ?? 0];
  if (op === undefined) throw new ProtocolError('undecodable', 'delta.op is none of the known operations');
  const full = optionalText(wire.full, 'delta.full');
  const patch = optionalText(wire.patch, 'delta.patch');
  if (op === 'deleted' ? full !== undefined && patch !== undefined : (full === undefined) === (patch === undefined)) {
    throw new ProtocolError('undecodable', 'a delta needs exactly one of full and patch, and at most one when deleted');
  }
  if (wire.ref === undefined || wire.ref === null) throw new ProtocolError('undecodable', 'a delta has no object');
  return {
    type: 'delta',
    ref: refFromWire(wire.ref),
    apiVersion: wire.apiVersion ?? '',
    resourceVersion: wire.resourceVersion ?? '',
    op,
    baseHash: wire.baseHash ?? '',
    contentHash: wire.contentHash ?? '',
    full,
    patch,
    managers: (wire.managers ?? []).map(managerFromWire),
    synthesised: wire.synthesised ?? false,
    notBeforeUs: exactInteger(wire.notBeforeUs, 'delta.not_before_us'),
    versionSwitch: wire.versionSwitch ?? false,
  };
}

function managerFromWire(wire: driftline.v1.ManagerEvidence.$Properties): ManagerEvidence {
  return {
    manager: wire.manager ?? '',
    operation: wire.operation ?? '',
    subresource: wire.subresource ?? '',
    timeUs: exactInteger(wire.timeUs, 'manager.time_us'),
    paths: wire.paths ?? [],
  };
}

function gapFromWire(wire: WireGap): MessageBody {
  return {
    type: 'gap',
    group: wire.group ?? '',
    resource: wire.resource ?? '',
    fromVersion: wire.fromVersion ?? '',
    toVersion: wire.toVersion ?? '',
    fromUs: exactInteger(wire.fromUs, 'gap.from_us'),
    toUs: exactInteger(wire.toUs, 'gap.to_us'),
    cause: oneOf(wire.cause, gapCauses, 'gap.cause'),
    detail: wire.detail ?? '',
    fromSequence: exactInteger(wire.fromSequence, 'gap.from_sequence'),
    toSequence: exactInteger(wire.toSequence, 'gap.to_sequence'),
  };
}

/** Bytes of an unset oneof member come as null, undefined or absent. */
function optionalText(bytes: Uint8Array | null | undefined, field: string): string | undefined {
  return bytes === null || bytes === undefined ? undefined : bytesToText(bytes, field);
}

function requiredText(bytes: Uint8Array | null | undefined, field: string): string {
  const text = optionalText(bytes, field);
  if (text === undefined) throw new ProtocolError('undecodable', `${field} is missing`);
  return text;
}
