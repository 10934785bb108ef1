import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyJson, deepFreeze } from '../test/material.ts';
import { applyPatch } from './apply-patch.ts';
import { canonicalJson } from './canonical.ts';
import { ProtocolError } from './error.ts';
import { jsonEqual } from './json.ts';
import type { Json } from './message.ts';
import { changedPaths, diff } from './patch.ts';
import { parsePatch, type PatchOperation, readPatch } from './patch-operation.ts';

const container = (name: string): Json => ({ name, image: `registry/${name}:1`, ports: [{ containerPort: 80 }] });

test('invariant: applying the difference of any two values to the first gives the second', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (before, after) => {
      deepFreeze(before);
      deepFreeze(after);
      const operations = parsePatch(JSON.stringify(diff(before, after)));
      assert.equal(canonicalJson(applyPatch(before, operations)), canonicalJson(after));
    }),
    { numRuns: 3000 },
  );
});

test('invariant: the difference is empty exactly when the canonical forms are equal', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (before, after) => {
      assert.equal(diff(before, after).length === 0, canonicalJson(before) === canonicalJson(after));
      assert.deepEqual(diff(before, structuredClone(before)), []);
    }),
  );
});

test('a prepended, inserted or removed item is one operation', () => {
  const before = [container('web'), container('log')];
  const sidecar = container('proxy');
  assert.deepEqual(diff(before, [sidecar, ...before]), [{ op: 'add', path: '/0', value: sidecar }]);
  assert.deepEqual(diff([before[0]!, sidecar, before[1]!], before), [{ op: 'remove', path: '/1' }]);
});

test('__proto__ is an ordinary key', () => {
  const before = JSON.parse('{"__proto__": {"polluted": 1}}') as Json;
  const after = JSON.parse('{"__proto__": {"polluted": 2}, "b": 1}') as Json;
  const operations = diff(before, after);
  assert.deepEqual(operations.map((operation) => operation.path).toSorted(), ['/__proto__/polluted', '/b']);
  assert.equal(canonicalJson(applyPatch(before, operations)), canonicalJson(after));
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.throws(
    () => applyPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: 1 }]),
    (error: unknown) => error instanceof ProtocolError && error.code === 'patch-mismatch',
  );
});

test('invariant: applying writes neither to the document nor to the operations', () => {
  const document = deepFreeze({ a: [{ b: 1 }], c: { d: 1 } } as Json);
  const operations: readonly PatchOperation[] = deepFreeze([
    { op: 'copy', from: '/a/0', path: '/c/e' },
    { op: 'replace', path: '/c/e/b', value: 2 },
    { op: 'add', path: '/f', value: { g: [1] } },
    { op: 'add', path: '/f/g/-', value: 2 },
    { op: 'move', from: '/f/g', path: '/a/1' },
    { op: 'add', path: '/a/1/0', value: 0 },
  ]);
  assert.deepEqual(applyPatch(document, operations), { a: [{ b: 1 }, [0, 1, 2]], c: { d: 1, e: { b: 2 } }, f: {} });
});

test('a patch that does not fit says which operation and nothing of the content', () => {
  const misfits: readonly PatchOperation[] = [
    { op: 'remove', path: '/missing' },
    { op: 'replace', path: '/list/9', value: 1 },
    { op: 'add', path: '/list/9', value: 1 },
    { op: 'add', path: '/list/01', value: 1 },
    { op: 'add', path: '/text/a', value: 1 },
    { op: 'test', path: '/text', value: 'other' },
    { op: 'move', from: '/list', path: '/list/0' },
    { op: 'remove', path: '' },
  ];
  for (const operation of misfits) {
    assert.throws(
      () => applyPatch({ list: [1], text: 'canary' }, [operation]),
      (error: unknown) =>
        error instanceof ProtocolError && error.code === 'patch-mismatch' && !error.message.includes('canary'),
      JSON.stringify(operation),
    );
  }
});

test('what is no patch is refused as such', () => {
  for (const text of [
    '',
    '{}',
    '[1]',
    '[{"op":"add","path":"/a"}]',
    '[{"op":"spam","path":"/a"}]',
    '[{"op":"remove","path":"a"}]',
    '[{"op":"remove","path":"/~2"}]',
    '[{"op":"move","path":"/a"}]',
  ]) {
    assert.throws(
      () => parsePatch(text),
      (error: unknown) => error instanceof ProtocolError && error.code === 'invalid-patch',
      text,
    );
  }
});

test('changed paths name what an append meant and both ends of a move', () => {
  const before = { list: [1], a: { b: 1 } };
  const operations: readonly PatchOperation[] = [
    { op: 'add', path: '/list/-', value: 2 },
    { op: 'add', path: '/list/-', value: 3 },
    { op: 'test', path: '/a/b', value: 1 },
    { op: 'move', from: '/a/b', path: '/c' },
    { op: 'replace', path: '/c', value: 2 },
  ];
  assert.deepEqual(changedPaths(operations, before), ['/list/1', '/list/2', '/a/b', '/c']);
});

const corpora = process.env['DRIFTLINE_CORPORA'];
const skip =
  corpora === undefined ? 'DRIFTLINE_CORPORA is not set: the 108 public JSON Patch cases are skipped' : false;

test('the public JSON Patch cases', { skip }, () => {
  type Case = { doc: Json; patch?: Json; expected?: Json; error?: string; disabled?: boolean; comment?: string };
  let run = 0;
  for (const file of ['tests.json', 'spec_tests.json']) {
    const cases = JSON.parse(readFileSync(join(corpora ?? '', 'jsonpatch', file), 'utf8')) as Case[];
    for (const { doc, patch, expected, error, disabled, comment } of cases) {
      if (disabled === true || patch === undefined) continue;
      run++;
      const apply = (): Json => applyPatch(deepFreeze(doc), readPatch(patch));
      if (error !== undefined) assert.throws(apply, ProtocolError, `${comment}: ${error}`);
      else if (expected !== undefined) assert.ok(jsonEqual(apply(), expected), comment);
      else assert.doesNotThrow(apply, comment);
    }
  }
  assert.equal(run, 108);
});

test('a copy and its original are edited apart', () => {
  const operations: readonly PatchOperation[] = [
    { op: 'replace', path: '/a/b', value: 1 },
    { op: 'copy', from: '/a', path: '/c' },
    { op: 'replace', path: '/c/b', value: 2 },
  ];
  assert.deepEqual(applyPatch({ a: { b: 0 } }, operations), { a: { b: 1 }, c: { b: 2 } });
});
