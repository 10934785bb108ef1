import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyJson, sha256 } from '../test/material.ts';
import { canonicalJson, contentHash } from './canonical.ts';
import { ProtocolError } from './error.ts';
import { jsonEqual } from './json.ts';
import type { Json } from './message.ts';

function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, shuffled(item)]),
  );
}

test('invariant: the canonical text is JSON of the same value, and the same for any order of keys', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const text = canonicalJson(value);
      assert.ok(jsonEqual(JSON.parse(text) as Json, value));
      assert.equal(canonicalJson(shuffled(value)), text);
      assert.equal(canonicalJson(JSON.parse(text) as Json), text);
    }),
    { numRuns: 1000 },
  );
});

test('keys sort by code unit, numbers and escapes are those of JSON.stringify', () => {
  assert.equal(
    canonicalJson({ b: 1, a: -0, '10': 2, '9': 1e21, Z: [null, 1.5], é: '\u0000"\\\ud800/' }),
    '{"10":2,"9":1e+21,"Z":[null,1.5],"a":0,"b":1,"é":"\\u0000\\"\\\\\\ud800/"}',
  );
});

test('keys sort the same way in objects of any size', () => {
  for (const count of [2, 23, 24, 25, 26, 300]) {
    const names = Array.from({ length: count }, (_, i) => `k${(i * 7919) % 1009}`);
    const text = names.toSorted().map((name) => `"${name}":1`);
    assert.equal(canonicalJson(Object.fromEntries(names.map((name) => [name, 1]))), `{${text.join(',')}}`);
  }
});

test('undefined members are dropped', () => {
  assert.equal(canonicalJson({ a: undefined as unknown as Json, b: 1 }), '{"b":1}');
});

test('nesting that could exhaust the stack is an error value, not a crash', () => {
  const deep = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`) as Json;
  assert.throws(
    () => canonicalJson(deep),
    (error: unknown) => error instanceof ProtocolError && error.code === 'too-deep',
  );
});

test('the content hash is the SHA-256 of the text', () => {
  assert.equal(contentHash('{}', sha256), '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
});
