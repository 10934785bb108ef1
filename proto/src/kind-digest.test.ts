import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { collectorFrame, decodeMessages, encodeMessages } from './codec.ts';
import type { KindVerdict } from './frames.ts';
import {
  bucketBitsFor,
  bucketOf,
  differingBuckets,
  digestOfKind,
  entryOf,
  isInBuckets,
  joinEntries,
  splitEntries,
} from './kind-digest.ts';
import type { KindMember } from './kind-digest.ts';
import { maxKindEntries } from './limits.ts';
import type { KindDigest, KindEntries } from './message.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const member = fc.record({
  namespace: fc.constantFrom('', 'shop', 'shop\ud800'),
  name: fc.string({ maxLength: 6 }),
  uid: fc.constantFrom('', 'u1', 'u2'),
  contentHash: fc.constantFrom('a', 'b'),
});
const place = ({ namespace, name }: KindMember): string => `${namespace}\n${name}`;
const members = fc.uniqueArray(member, { selector: place, maxLength: 60 });
const bits = fc.integer({ min: 0, max: 5 });

describe('digests of a kind', () => {
  test('the order in which objects are met does not matter', () => {
    fc.assert(
      fc.property(members, bits, (all, bucketBits) => {
        assert.deepEqual(digestOfKind(all, bucketBits, sha256), digestOfKind(all.toReversed(), bucketBits, sha256));
      }),
    );
  });

  test('exactly the buckets that hold a difference differ', () => {
    fc.assert(
      fc.property(members, members, bits, (one, other, bucketBits) => {
        const entries = (all: readonly KindMember[], bucket: number): string[] =>
          all.filter((each) => bucketOf(each, bucketBits) === bucket).map((each) => entryOf(each, sha256));
        const expected = Array.from({ length: 2 ** bucketBits }, (_, bucket) => bucket).filter(
          (bucket) => entries(one, bucket).sort().join() !== entries(other, bucket).sort().join(),
        );
        const { buckets, count } = differingBuckets(
          digestOfKind(one, bucketBits, sha256).digests,
          digestOfKind(other, bucketBits, sha256).digests,
        );
        assert.equal(count, expected.length);
        for (const each of [...one, ...other]) {
          assert.equal(isInBuckets(each, bucketBits, buckets), expected.includes(bucketOf(each, bucketBits)));
        }
      }),
    );
  });

  test('the uid and the content are part of an entry, line feeds of one part are not those of another', () => {
    const base = { namespace: 'a', name: 'b', uid: 'c', contentHash: 'd' };
    const others = [
      { ...base, uid: 'x' },
      { ...base, contentHash: 'x' },
      { ...base, name: 'x' },
    ];
    for (const other of others) assert.notEqual(entryOf(other, sha256), entryOf(base, sha256));
    assert.deepEqual(splitEntries(joinEntries([entryOf(base, sha256)])), new Set([entryOf(base, sha256)]));
  });

  test('50 000 objects, however they are spread over kinds, have at most 36 KiB of digests', () => {
    for (const kinds of [1, 3, 7, 50, 1_000]) {
      const bytes = kinds * 2 ** bucketBitsFor(50_000 / kinds) * 16;
      assert.ok(bytes <= 36 * 1_024, `${bytes} bytes over ${kinds} kinds`);
    }
    assert.equal(bucketBitsFor(0), 0);
  });

  test('these are the digests of version 1', () => {
    const all = [
      { namespace: 'shop', name: 'web', uid: 'u1', contentHash: 'aa' },
      { namespace: '', name: 'node-1', uid: 'u2', contentHash: 'bb' },
    ];
    assert.deepEqual([bucketOf(all[0]!, 16), bucketOf(all[1]!, 16)], [2756, 28405]);
    const { digests } = digestOfKind(all, 0, sha256);
    assert.equal(Buffer.from(digests).toString('hex'), 'b90fa1adff4789b52f60ebd7f4aa5641');
  });
});

const digest: KindDigest = {
  type: 'kind-digest',
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  resourceVersion: '12',
  objects: 2,
  version: 1,
  bucketBits: 1,
  digests: new Uint8Array(32).fill(7),
  cause: 'self-check',
  agreedVersion: '3',
  agreedAtUs: 5,
};
const entries: KindEntries = {
  type: 'kind-entries',
  group: '',
  resource: 'pods',
  kind: 'Pod',
  version: 1,
  bucketBits: 4,
  buckets: new Uint8Array([1, 128]),
  entries: new Uint8Array(32).fill(1),
};
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

describe('what anti-entropy sends', () => {
  test('survives the wire', () => {
    for (const body of [digest, entries]) {
      const [read] = decodeMessages(encodeMessages([{ observedAtUs: 1, body }]));
      assert.deepEqual(read?.body, body);
    }
    const ref = { group: '', resource: 'pods', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' };
    const verdicts: KindVerdict['verdict'][] = [
      { outcome: 'agreed' },
      { outcome: 'all' },
      { outcome: 'buckets', bucketBits: 3, buckets: new Uint8Array([5]) },
      { outcome: 'wanted', entries: new Uint8Array(16).fill(9), objects: [ref], hasMore: true },
    ];
    for (const verdict of verdicts) {
      const frame: KindVerdict = { type: 'kind-verdict', group: 'apps', resource: 'deployments', sequence: 9, verdict };
      assert.deepEqual(collectorFrame.decode(collectorFrame.encode(frame)), frame);
    }
  });

  test('sizes that do not fit are refused', () => {
    const wrong = [
      { ...digest, digests: plain(digest.digests).subarray(1) },
      { ...digest, bucketBits: 17 },
      { ...entries, buckets: new Uint8Array(3) },
      { ...entries, entries: new Uint8Array(17) },
      { ...entries, entries: new Uint8Array(16 * (maxKindEntries + 1)) },
    ];
    for (const body of wrong) {
      assert.throws(() => decodeMessages(encodeMessages([{ observedAtUs: 1, body }])), { name: 'ProtocolError' });
    }
  });
});
