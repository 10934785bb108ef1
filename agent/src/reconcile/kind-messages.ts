/** What the agent says of a kind as a whole (PROTOCOL.md, anti-entropy), made of its known objects in one turn. */
import {
  type DigestCause,
  type KindDigest,
  type KindEntries,
  type Sha256,
  bitmapBytes,
  bucketBitsFor,
  bucketOf,
  digestOfKind,
  digestVersion,
  entryOf,
  isInBuckets,
  joinEntries,
  maxKindEntries,
} from '@driftline/proto';
import type { ApiKind } from '../kube/api-kind.ts';
import type { KnownKind, ObjectName } from '../known/known.ts';

export function makeDigest(
  kind: ApiKind,
  known: KnownKind,
  about: { readonly resourceVersion: string; readonly cause: DigestCause },
  sha256: Sha256,
): KindDigest {
  const { agreedVersion, agreedAtUs } = known.progress();
  const bucketBits = bucketBitsFor(known.count());
  return {
    type: 'kind-digest',
    ...nameOf(kind),
    ...about,
    ...digestOfKind(known.members(), bucketBits, sha256),
    version: digestVersion,
    bucketBits,
    agreedVersion,
    agreedAtUs,
  };
}

/** The objects of these buckets, in messages that hold whole buckets. One with more than fits a message is left out. */
export function makeEntries(
  kind: ApiKind,
  known: KnownKind,
  wanted: { readonly bucketBits: number; readonly buckets: Uint8Array },
  sha256: Sha256,
): readonly KindEntries[] {
  const { bucketBits, buckets } = wanted;
  const entries = new Map<number, string[]>();
  for (let bucket = 0; bucket < 2 ** bucketBits; bucket++) if (hasBit(buckets, bucket)) entries.set(bucket, []);
  for (const member of known.members()) {
    if (isInBuckets(member, bucketBits, buckets)) {
      entries.get(bucketOf(member, bucketBits))?.push(entryOf(member, sha256));
    }
  }
  const messages: KindEntries[] = [];
  let chosen = new Uint8Array(bitmapBytes(2 ** bucketBits));
  let held: string[] = [];
  const close = (): void => {
    const common = { ...nameOf(kind), version: digestVersion, bucketBits };
    messages.push({ type: 'kind-entries', ...common, buckets: chosen, entries: joinEntries(held) });
    chosen = new Uint8Array(bitmapBytes(2 ** bucketBits));
    held = [];
  };
  for (const [bucket, own] of entries) {
    if (own.length > maxKindEntries) continue;
    if (held.length + own.length > maxKindEntries) close();
    held.push(...own);
    chosen[bucket >> 3] = (chosen[bucket >> 3] ?? 0) | (1 << (bucket & 7));
  }
  close();
  return messages;
}

/** Names of the objects whose entries these are now. */
export function namesOfEntries(known: KnownKind, entries: ReadonlySet<string>, sha256: Sha256): readonly ObjectName[] {
  if (entries.size === 0) return [];
  const names: ObjectName[] = [];
  for (const member of known.members()) {
    if (entries.has(entryOf(member, sha256))) names.push({ namespace: member.namespace, name: member.name });
  }
  return names;
}

const hasBit = (bitmap: Uint8Array, bit: number): boolean => ((bitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;

const nameOf = ({ group, resource, kind }: ApiKind): Pick<KindDigest, 'group' | 'resource' | 'kind'> => ({
  group,
  resource,
  kind,
});
