/**
 * What a cluster's inventory makes of what its agent says exists (PROTOCOL.md, anti-entropy). Both are as of the same
 * sequence, so every difference is one. Nothing is kept between messages and nothing is changed: the agent answers with
 * deltas.
 */
import {
  bucketDigestBytes,
  differingBuckets,
  digestOfKind,
  digestVersion,
  entryOf,
  isInBuckets,
  joinEntries,
  maxKindEntries,
  maxNeedFullObjects,
  splitEntries,
} from '@driftline/proto';
import type { KindDigest, KindEntries, KindMember, KindVerdict, ObjectRef } from '@driftline/proto';
import { sha256 } from './hash.ts';
import type { Inventory, InventoryEntry } from './inventory.ts';

type Verdict = KindVerdict['verdict'];

export type Comparison = {
  readonly verdict: Verdict;
  /** One sentence for the gap record; '' when nothing differs. */
  readonly difference: string;
};

const memberOf = ({ ref, contentHash }: InventoryEntry): KindMember => ({
  namespace: ref.namespace,
  name: ref.name,
  uid: ref.uid,
  contentHash,
});

function* membersOf(inventory: Inventory, group: string, resource: string): Generator<KindMember> {
  for (const entry of inventory.ofResource(group, resource)) yield memberOf(entry);
}

export const compareDigest = (inventory: Inventory, digest: KindDigest): Comparison => {
  const { group, resource, bucketBits, digests, version } = digest;
  if (version !== digestVersion)
    return { verdict: { outcome: 'all' }, difference: `digests of version ${version} are not known here` };
  const own = digestOfKind(membersOf(inventory, group, resource), bucketBits, sha256);
  const { buckets, count } = differingBuckets(own.digests, digests);
  if (count === 0) return { verdict: { outcome: 'agreed' }, difference: '' };
  const all = digests.length / bucketDigestBytes;
  const difference = `${count} of ${all} buckets differed: ${digest.objects} objects in the cluster, ${own.objects} here`;
  // Entries cost the agent a tenth of the objects: worth it unless most of them are missing here anyway.
  const lacksMost = own.objects * 2 < digest.objects;
  return { verdict: lacksMost ? { outcome: 'all' } : { outcome: 'buckets', bucketBits, buckets }, difference };
};

const chunksOf = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** One verdict or more: entries that the agent has alone, and objects that are here alone or in another form. */
export const compareEntries = (inventory: Inventory, message: KindEntries): readonly Verdict[] => {
  const { group, resource, bucketBits, buckets, entries, version } = message;
  if (version !== digestVersion) return [{ outcome: 'all' }];
  const missing = splitEntries(entries);
  const others: ObjectRef[] = [];
  for (const entry of inventory.ofResource(group, resource)) {
    if (!isInBuckets(entry.ref, bucketBits, buckets)) continue;
    if (!missing.delete(entryOf(memberOf(entry), sha256))) others.push(entry.ref);
  }
  const wanted = chunksOf([...missing], maxKindEntries);
  const objects = chunksOf(others, maxNeedFullObjects);
  const frames = Math.max(1, wanted.length, objects.length);
  return Array.from({ length: frames }, (_, i) => ({
    outcome: 'wanted',
    entries: joinEntries(wanted[i] ?? []),
    objects: objects[i] ?? [],
    hasMore: i + 1 < frames,
  }));
};
