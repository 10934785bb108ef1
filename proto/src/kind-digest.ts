/**
 * Digests of what exists of one kind, so that two ends find where they differ without sending the objects
 * (PROTOCOL.md, anti-entropy). An object's entry is a hash of its identity and content; a bucket's digest is a hash of
 * the sum of its entries, so that each end may go through its objects once and in whatever order it keeps them.
 */
import { maxBucketBits } from './limits.ts';
import type { Sha256 } from './message.ts';

/** Of the rules on this page. */
export const digestVersion = 1;

export const bucketDigestBytes = 16;
export const entryBytes = 16;

/** A bucket holds this many objects, or up to twice as many. */
const objectsPerBucket = 24;

/** One object, as the comparison sees it: its kind is that of the comparison. */
export type KindMember = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** SHA-256 of the canonical form, hexadecimal. */
  readonly contentHash: string;
};

/** Lanes of 32 bits in a sum of entries. */
const lanes = 8;

export function bucketBitsFor(objects: number): number {
  const bits = Math.floor(Math.log2(Math.max(1, objects / objectsPerBucket)));
  return Math.min(maxBucketBits, bits);
}

/** The bucket of a place: FNV-1a over the UTF-16 code units of namespace, line feed and name, mixed, upper bits. */
export function bucketOf(place: Pick<KindMember, 'namespace' | 'name'>, bucketBits: number): number {
  if (bucketBits === 0) return 0;
  const text = `${place.namespace}\n${place.name}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> (32 - bucketBits);
}

/** SHA-256 of namespace, name, uid and content hash, one a line; the first 16 bytes of it are what travels. */
function memberHash({ namespace, name, uid, contentHash }: KindMember, sha256: Sha256): string {
  return sha256(`${namespace}\n${name}\n${uid}\n${contentHash}`.toWellFormed());
}

/** The entry of an object, hexadecimal. */
export function entryOf(member: KindMember, sha256: Sha256): string {
  return memberHash(member, sha256).slice(0, 2 * entryBytes);
}

export type DigestOfKind = { readonly objects: number; readonly digests: Uint8Array };

/** One pass over the members; memory for the buckets only. */
export function digestOfKind(members: Iterable<KindMember>, bucketBits: number, sha256: Sha256): DigestOfKind {
  const buckets = 2 ** bucketBits;
  const sums = new Uint32Array(buckets * lanes);
  const counts = new Uint32Array(buckets);
  let objects = 0;
  for (const member of members) {
    const bucket = bucketOf(member, bucketBits);
    addTo(sums, bucket * lanes, memberHash(member, sha256));
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    objects += 1;
  }
  const digests = new Uint8Array(buckets * bucketDigestBytes);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const sum = [...sums.subarray(bucket * lanes, (bucket + 1) * lanes)].map(toHex).join('');
    const digest = sha256(`${counts[bucket] ?? 0}\n${sum}`);
    digests.set(bytesOfHex(digest.slice(0, 2 * bucketDigestBytes)), bucket * bucketDigestBytes);
  }
  return { objects, digests };
}

/** The sum as one number of 256 bits, modulo 2^256: most significant lane first. */
function addTo(sums: Uint32Array, at: number, hash: string): void {
  let carry = 0;
  for (let lane = lanes - 1; lane >= 0; lane--) {
    const sum = (sums[at + lane] ?? 0) + Number.parseInt(hash.slice(lane * 8, lane * 8 + 8), 16) + carry;
    sums[at + lane] = sum % 2 ** 32;
    carry = sum >= 2 ** 32 ? 1 : 0;
  }
}

const toHex = (lane: number): string => lane.toString(16).padStart(8, '0');

/** Bitmap of the buckets whose digests differ, and how many they are. Both must be of the same number of buckets. */
export function differingBuckets(
  one: Uint8Array,
  other: Uint8Array,
): { readonly buckets: Uint8Array; readonly count: number } {
  const all = one.length / bucketDigestBytes;
  const buckets = new Uint8Array(bitmapBytes(all));
  let count = 0;
  for (let bucket = 0; bucket < all; bucket++) {
    if (!differs(one, other, bucket * bucketDigestBytes)) continue;
    buckets[bucket >> 3] = (buckets[bucket >> 3] ?? 0) | (1 << (bucket & 7));
    count += 1;
  }
  return { buckets, count };
}

function differs(one: Uint8Array, other: Uint8Array, from: number): boolean {
  for (let at = from; at < from + bucketDigestBytes; at++) if (one[at] !== other[at]) return true;
  return false;
}

export const bitmapBytes = (buckets: number): number => Math.ceil(buckets / 8);

export function isInBuckets(place: Pick<KindMember, 'namespace' | 'name'>, bits: number, buckets: Uint8Array): boolean {
  const bucket = bucketOf(place, bits);
  return ((buckets[bucket >> 3] ?? 0) & (1 << (bucket & 7))) !== 0;
}

export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Entries side by side, as they travel. */
export function joinEntries(entries: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * entryBytes);
  for (const [i, entry] of entries.entries()) bytes.set(bytesOfHex(entry), i * entryBytes);
  return bytes;
}

/** The entries that joinEntries put together, hexadecimal. */
export function splitEntries(bytes: Uint8Array): Set<string> {
  const entries = new Set<string>();
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    entries.add([...bytes.subarray(at, at + entryBytes)].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  return entries;
}
