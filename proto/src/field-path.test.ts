import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyJson, deepFreeze } from '../test/material.ts';
import { fieldChanges, fieldPath } from './field-path.ts';
import { jsonEqual } from './json.ts';

test('invariant: there are changes exactly when the values differ', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (before, after) => {
      const changes = fieldChanges(deepFreeze(before), deepFreeze(after));
      assert.equal(changes.length === 0, jsonEqual(before, after));
      for (const { before: from, after: to } of changes) assert.ok(!jsonEqual(from, to));
    }),
    { numRuns: 1000 },
  );
});

test('items are named where all of them have a name', () => {
  const before = {
    spec: {
      containers: [
        { name: 'web', image: 'a' },
        { name: 'log', image: 'b' },
      ],
      args: ['x', 'y', 'z'],
    },
  };
  const after = {
    spec: {
      containers: [
        { name: 'proxy', image: 'p' },
        { name: 'web', image: 'c' },
        { name: 'log', image: 'b' },
      ],
      args: ['x', 'q', 'z'],
    },
  };
  assert.deepEqual(fieldChanges(before, after), [
    { path: 'spec.containers[name=web].image', before: 'a', after: 'c' },
    { path: 'spec.containers[name=proxy]', after: { name: 'proxy', image: 'p' } },
    { path: 'spec.args[1]', before: 'y', after: 'q' },
  ]);
});

test('an inserted item of an unnamed list is one change', () => {
  assert.deepEqual(
    fieldChanges(
      { rules: [{ verbs: ['get'] }, { verbs: ['list'] }] },
      { rules: [{ verbs: ['*'] }, { verbs: ['get'] }, { verbs: ['list'] }] },
    ),
    [{ path: 'rules[0]', after: { verbs: ['*'] } }],
  );
});

test('items that change places are one change with their names', () => {
  assert.deepEqual(fieldChanges({ c: [{ name: 'a' }, { name: 'b' }] }, { c: [{ name: 'b' }, { name: 'a' }] }), [
    { path: 'c', before: ['a', 'b'], after: ['b', 'a'] },
  ]);
});

test('an object that appears or goes is one change', () => {
  assert.deepEqual(fieldChanges(undefined, { a: 1 }), [{ path: '', after: { a: 1 } }]);
  assert.deepEqual(fieldChanges({ a: 1 }, undefined), [{ path: '', before: { a: 1 } }]);
});

test('keys that are no identifiers stand in brackets', () => {
  assert.equal(
    fieldPath('metadata.annotations', 'kubernetes.io/change-cause'),
    'metadata.annotations[kubernetes.io/change-cause]',
  );
  assert.equal(fieldPath('data', '0'), 'data["0"]');
  assert.equal(fieldPath('data', 'a]b'), 'data["a]b"]');
  assert.equal(fieldPath('', 'spec'), 'spec');
});
