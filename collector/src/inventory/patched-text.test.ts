import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyPatch, canonicalJson, contentHash, diff } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';
import { sha256 } from './hash.ts';
import { patchedText } from './patched-text.ts';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', 'name', '0', '10', '9', '__proto__', 'ü', ''),
  fc.string({ maxLength: 3 }),
);
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>('', 'text', 'quo"te', '\ud800', 0, -0, 1e21, true, null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
  ),
}));
const object = fc
  .array(fc.tuple(key, value), { maxLength: 6 })
  .map((members): JsonObject => Object.fromEntries(members));
const hashOf = (json: Json): string => contentHash(canonicalJson(json), sha256);

test('the text is the canonical one, the object stays what it was, and the form before is not written to', () => {
  fc.assert(
    fc.property(object, object, object, (first, second, third) => {
      let before = JSON.parse(canonicalJson(first)) as JsonObject;
      for (const next of [second, third]) {
        const text = canonicalJson(before);
        const operations = diff(before, next);
        const after = applyPatch(before, operations) as JsonObject;
        assert.equal(patchedText(after, operations, hashOf(next)), canonicalJson(next));
        assert.equal(canonicalJson(after), canonicalJson(next));
        assert.equal(canonicalJson(before), text);
        before = after;
      }
    }),
    { numRuns: 2_000 },
  );
});

test('another hash than that of the object has no text', () => {
  const after = { a: 1 };
  assert.equal(patchedText(after, [], hashOf({ a: 2 })), undefined);
});

test('a key that is added keeps its object in order, so that the next patch is cheap again', () => {
  const before = { metadata: { labels: { b: '1', c: '2' } } };
  const operations = [{ op: 'add', path: '/metadata/labels/a', value: '0' }] as const;
  const after = applyPatch(before, operations) as JsonObject;
  patchedText(after, operations, hashOf(after));
  assert.equal(JSON.stringify(after), canonicalJson(after));
});
