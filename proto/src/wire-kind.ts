/** Digests, entries and verdicts between domain and wire form: sizes are checked here, once. */
import { ProtocolError } from './error.ts';
import type { KindVerdict } from './frames.ts';
import type { driftline } from './gen/uplink.js';
import { bitmapBytes, bucketDigestBytes, entryBytes } from './kind-digest.ts';
import { maxBucketBits, maxKindEntries, maxNeedFullObjects } from './limits.ts';
import type { DigestCause, KindDigest, KindEntries } from './message.ts';
import { refFromWire, refToWire } from './wire-ref.ts';
import { exactInteger, oneOf, plainBytes } from './wire-value.ts';

const causes: readonly DigestCause[] = ['epoch-start', 'loss', 'self-check', 'repair'];
const outcomes = ['agreed', 'buckets', 'wanted', 'all'] as const;
const noBytes = new Uint8Array(0);

/** Throws ProtocolError 'undecodable'. */
export function digestFromWire(wire: driftline.v1.KindDigest.$Properties): KindDigest {
  const bucketBits = bitsOf(wire.bucketBits);
  return {
    type: 'kind-digest',
    group: wire.group ?? '',
    resource: wire.resource ?? '',
    kind: wire.kind ?? '',
    resourceVersion: wire.resourceVersion ?? '',
    objects: wire.objects ?? 0,
    version: wire.version ?? 0,
    bucketBits,
    digests: sized(wire.digests, 2 ** bucketBits * bucketDigestBytes, 'kind_digest.digests'),
    cause: oneOf(wire.cause, causes, 'kind_digest.cause'),
    agreedVersion: wire.agreedVersion ?? '',
    agreedAtUs: exactInteger(wire.agreedAtUs, 'kind_digest.agreed_at_us'),
  };
}

/** Throws ProtocolError 'undecodable' or 'too-large'. */
export function entriesFromWire(wire: driftline.v1.KindEntries.$Properties): KindEntries {
  const bucketBits = bitsOf(wire.bucketBits);
  return {
    type: 'kind-entries',
    group: wire.group ?? '',
    resource: wire.resource ?? '',
    kind: wire.kind ?? '',
    version: wire.version ?? 0,
    bucketBits,
    buckets: sized(wire.buckets, bitmapBytes(2 ** bucketBits), 'kind_entries.buckets'),
    entries: entries(wire.entries, 'kind_entries.entries'),
  };
}

export function verdictToWire({
  group,
  resource,
  sequence,
  verdict,
}: KindVerdict): driftline.v1.KindVerdict.$Properties {
  const common = { group: group.toWellFormed(), resource: resource.toWellFormed(), sequence };
  const { outcome } = verdict;
  if (outcome === 'buckets') {
    return { ...common, outcome, bucketBits: verdict.bucketBits, buckets: verdict.buckets };
  }
  if (outcome === 'wanted') {
    const { hasMore, objects } = verdict;
    return { ...common, outcome, entries: verdict.entries, objects: objects.map(refToWire), hasMore };
  }
  return { ...common, outcome };
}

/** Throws ProtocolError 'undecodable' or 'too-large'. */
export function verdictFromWire(wire: driftline.v1.KindVerdict.$Properties): KindVerdict {
  return {
    type: 'kind-verdict',
    group: wire.group ?? '',
    resource: wire.resource ?? '',
    sequence: exactInteger(wire.sequence, 'kind_verdict.sequence'),
    verdict: outcomeFromWire(wire),
  };
}

function outcomeFromWire(wire: driftline.v1.KindVerdict.$Properties): KindVerdict['verdict'] {
  const outcome = oneOf(wire.outcome, outcomes, 'kind_verdict.outcome');
  switch (outcome) {
    case 'agreed':
    case 'all':
      return { outcome };
    case 'buckets': {
      const bucketBits = bitsOf(wire.bucketBits);
      return {
        outcome,
        bucketBits,
        buckets: sized(wire.buckets, bitmapBytes(2 ** bucketBits), 'kind_verdict.buckets'),
      };
    }
    case 'wanted': {
      const objects = wire.objects ?? [];
      if (objects.length > maxNeedFullObjects) {
        throw new ProtocolError('too-large', `kind_verdict names more than ${maxNeedFullObjects} objects`);
      }
      return {
        outcome,
        entries: entries(wire.entries, 'kind_verdict.entries'),
        objects: objects.map(refFromWire),
        hasMore: wire.hasMore ?? false,
      };
    }
  }
}

function bitsOf(bits: number | null | undefined): number {
  if ((bits ?? 0) > maxBucketBits) throw new ProtocolError('undecodable', `more than 2^${maxBucketBits} buckets`);
  return bits ?? 0;
}

function sized(bytes: Uint8Array | null | undefined, length: number, field: string): Uint8Array {
  if ((bytes?.length ?? 0) !== length) throw new ProtocolError('undecodable', `${field} is not ${length} bytes long`);
  return plainBytes(bytes ?? noBytes);
}

function entries(bytes: Uint8Array | null | undefined, field: string): Uint8Array {
  const length = bytes?.length ?? 0;
  if (length % entryBytes !== 0) throw new ProtocolError('undecodable', `${field} holds no whole number of entries`);
  if (length > maxKindEntries * entryBytes) {
    throw new ProtocolError('too-large', `${field} holds more than ${maxKindEntries} entries`);
  }
  return plainBytes(bytes ?? noBytes);
}
