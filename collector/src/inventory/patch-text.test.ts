import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyPatch, canonicalJson, diff } from '@driftline/proto';
import type { Json, JsonObject, PatchOperation } from '@driftline/proto';
import { patchText } from './patch-text.ts';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', 'aa', 'name', '0', '1', '-', '~', '/', '__proto__', 'ü', '\u{1f600}', ''),
  fc.string({ maxLength: 3 }),
);
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(
      '',
      'text',
      'quo"te',
      'back\\slash',
      '{"a":[',
      'ü',
      '\ud800',
      0,
      -1.5,
      1e21,
      true,
      false,
      null,
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
  ),
}));
const object = fc
  .array(fc.tuple(key, value), { maxLength: 6 })
  .map((members): JsonObject => Object.fromEntries(members));

const needsNoEscape = (json: Json): boolean => {
  if (Array.isArray(json)) return json.every(needsNoEscape);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([name, inner]) => canonicalJson(name) === `"${name}"` && needsNoEscape(inner));
};

test('the patched text is the text of the patched object, and keys without escapes never make it give up', () => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const operations = diff(before, after);
      if (operations.some(({ path }) => path === '')) return;
      const patched = patchText(canonicalJson(before), operations);
      if (patched !== undefined) assert.equal(patched, canonicalJson(after));
      else assert.ok(!needsNoEscape(before) || !needsNoEscape(after));
    }),
    { numRuns: 2_000 },
  );
});

const segment = fc.constantFrom('a', 'b', '0', '1', '2', '9', '-', '', 'c');
const operation = fc.record({
  op: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
  path: fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join('/')}`),
  value: fc.constantFrom<Json>(1, 'x', {}, [], { a: [1, { b: 2 }] }),
});
const document: JsonObject = { a: { a: [1, 2, 3], b: {} }, b: [[], { a: 1, c: 'x' }], '0': null, '-': { '-': 1 } };

test('what does not fit the document is not patched, and what fits is as RFC 6902 has it', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 4 }), (operations: readonly PatchOperation[]) => {
      let expected: string | undefined;
      try {
        expected = canonicalJson(applyPatch(document, operations));
      } catch {
        expected = undefined;
      }
      assert.equal(patchText(canonicalJson(document), operations), expected);
    }),
    { numRuns: 2_000 },
  );
});

test('a text that is no JSON is given up, not run through for ever', () => {
  for (const text of [
    '',
    '{',
    '{"a',
    '{"a"',
    '{"a":',
    '{"a":}',
    '{"a":[',
    '[1,',
    '{"a":"',
    '{"a":"\\',
    'null',
    '{ "a":1}',
  ])
    for (const op of ['add', 'remove', 'replace'] as const)
      assert.doesNotThrow(() => patchText(text, [{ op, path: '/a/0', value: 1 } as PatchOperation]));
});
