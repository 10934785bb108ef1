import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '@driftline/proto';
import type { ObjectRef } from '@driftline/proto';
import { createInventory, defaultInventoryLimits } from './inventory.ts';

const refOf = (name: string): ObjectRef => ({
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace: 'shop',
  name,
  uid: 'u',
});

const step = fc.record({
  type: fc.constantFrom('put' as const, 'put-text' as const, 'touch' as const, 'remove' as const),
  name: fc.constantFrom('a', 'b', 'c', '__proto__'),
  value: fc.string({ maxLength: 30 }),
});

test('a shared object is what the text says, whatever is kept parsed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 40, 1_000), (steps, parsedCharacters) => {
      const inventory = createInventory({ ...defaultInventoryLimits, warmCharacters: 1_000, parsedCharacters });
      for (const { type, name, value } of steps) {
        const ref = refOf(name);
        const entry = { ref, apiVersion: 'v1', resourceVersion: '1', contentHash: value, epoch: 'e' };
        const object = { data: { value } };
        if (type === 'put') inventory.put(entry, JSON.stringify(object), object);
        else if (type === 'put-text') inventory.put(entry, JSON.stringify(object));
        else if (type === 'remove') inventory.remove(objectKey(ref));
        else inventory.touch(objectKey(ref), { resourceVersion: '2', epoch: 'f', uid: 'u' });
        for (const other of ['a', 'b', 'c', '__proto__']) {
          const key = objectKey(refOf(other));
          assert.deepEqual(inventory.shared(key), inventory.object(key));
        }
      }
    }),
  );
});

test('what was put last is at hand without parsing, within the limit', () => {
  const inventory = createInventory({ ...defaultInventoryLimits, warmCharacters: 1_000, parsedCharacters: 40 });
  const put = (name: string) => {
    const object = { data: { name } };
    const entry = { ref: refOf(name), apiVersion: 'v1', resourceVersion: '1', contentHash: '', epoch: 'e' };
    inventory.put(entry, JSON.stringify(object), object);
    return { key: objectKey(refOf(name)), object };
  };
  const [first, second, third] = ['first', 'second', 'third'].map(put);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  assert.notEqual(inventory.shared(first.key), first.object);
  assert.notEqual(inventory.shared(second.key), second.object);
  assert.equal(inventory.shared(third.key), third.object);
});
