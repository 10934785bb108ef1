import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  existing,
  type FieldSet,
  fieldsOf,
  fromFieldsV1,
  ownable,
  pathsOf,
  placeOf,
  toFieldsV1,
  union,
} from './field-set.ts';
import type { JsonObject } from './json.ts';
import type { KubeObject } from './kube-object.ts';
import { type FieldManager, trackUpdate } from './managed-fields.ts';

const container = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  image: fc.constantFrom('x', 'y'),
  env: fc.uniqueArray(fc.record({ name: fc.constantFrom('A', 'B'), value: fc.constantFrom('1', '2') }), {
    selector: (item) => item.name,
  }),
});
const spec = fc.record({
  replicas: fc.nat(3),
  containers: fc.uniqueArray(container, { selector: (item) => item.name, minLength: 1 }),
  tolerations: fc.array(fc.record({ key: fc.constantFrom('k', 'l') }), { maxLength: 2 }),
});
const labels = fc.dictionary(fc.constantFrom('l', 'm', 'n'), fc.constantFrom('1', '2'));
const state = fc.record({ spec, labels });
const managerName = fc.constantFrom('one', 'two', 'three');

const objectOf = (value: { spec: JsonObject; labels: JsonObject }): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: value.labels },
    spec: value.spec,
  }) as unknown as KubeObject;

const leaves = (set: FieldSet): string[] => [...new Set(pathsOf(set))].sort();

test('whatever the history, every field has an owner, and nobody owns what is not there', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(managerName, state), { minLength: 1, maxLength: 8 }), (history) => {
      let current: KubeObject | undefined;
      for (const [name, value] of history) {
        const manager: FieldManager = { name, operation: 'Update', subresource: '', time: '2026-01-01T00:00:00Z' };
        const next = objectOf(value as unknown as { spec: JsonObject; labels: JsonObject });
        const managedFields = trackUpdate(current, next, manager, false);
        current = { ...next, metadata: { ...next.metadata, managedFields } };
        const place = placeOf(current, false);
        const owned = managedFields
          .map((entry) => fromFieldsV1(entry.fieldsV1))
          .reduce(union, { self: false, children: new Map() });
        const all = fieldsOf(ownable(current), '', place);
        const scalars = leaves(all).filter(
          (path) => !leaves(all).some((other) => other !== path && other.startsWith(path)),
        );
        for (const path of scalars) assert.ok(leaves(owned).includes(path), `${path} has no owner`);
        assert.deepEqual(leaves(existing(owned, ownable(current), '', place)), leaves(owned));
        assert.equal(new Set(managedFields.map((entry) => entry.manager)).size, managedFields.length);
      }
    }),
    { numRuns: 60 },
  );
});

test('FieldsV1 survives the way there and back', () => {
  fc.assert(
    fc.property(state, (value) => {
      const object = objectOf(value as unknown as { spec: JsonObject; labels: JsonObject });
      const fields = toFieldsV1(fieldsOf(ownable(object), '', placeOf(object, false)));
      assert.deepEqual(toFieldsV1(fromFieldsV1(fields)), fields);
    }),
  );
});
