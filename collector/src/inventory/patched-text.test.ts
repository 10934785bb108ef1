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
        assert.equal(patchedText(after, operations, hashOf(next), { object: before, text }), canonicalJson(next));
        assert.equal(patchedText(after, operations, hashOf(next)), canonicalJson(next));
        assert.equal(canonicalJson(after), canonicalJson(next));
        assert.equal(canonicalJson(before), text);
        before = after;
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a value that stands in several places, in a text, or at the head of another is replaced where it was meant', () => {
  const before: JsonObject = { a: [{ b: 3 }, { b: 3 }], c: '{"b":3}', d: { e: 30 }, f: { e: 3 }, g: { 'x~/"': 'old' } };
  const cases = [
    ['/a/1/b', 4],
    ['/f/e', 4],
    ['/d/e', 3],
    ['/c', '{"b":4}'],
    ['/a/0', 'new'],
    ['/g/x~0~1"', 'n"ew'],
    ['/g', { z: 1, y: 2 }],
  ] as const;
  for (const [path, value] of cases) {
    const operations = [{ op: 'replace', path, value }] as const;
    const after = applyPatch(before, operations) as JsonObject;
    const base = { object: before, text: canonicalJson(before) };
    assert.equal(patchedText(after, operations, hashOf(after), base), canonicalJson(after), path);
  }
});

test('a text that is not that of the form before makes no other text', () => {
  const before: JsonObject = { a: 1, b: 2 };
  const operations = [{ op: 'replace', path: '/a', value: 3 }] as const;
  const after = applyPatch(before, operations) as JsonObject;
  const base = { object: before, text: '{"a":1,"b":9}' };
  assert.equal(patchedText(after, operations, hashOf(after), base), '{"a":3,"b":2}');
});

test('another hash than that of the object has no text', () => {
  const after = { a: 1 };
  const base = { object: after, text: '{"a":1}' };
  assert.equal(patchedText(after, [], hashOf({ a: 2 }), base), undefined);
});

test('a key that is added keeps its object in order, so that the next patch is cheap again', () => {
  const before = { metadata: { labels: { b: '1', c: '2' } } };
  const operations = [{ op: 'add', path: '/metadata/labels/a', value: '0' }] as const;
  const after = applyPatch(before, operations) as JsonObject;
  patchedText(after, operations, hashOf(after));
  assert.equal(JSON.stringify(after), canonicalJson(after));
});
