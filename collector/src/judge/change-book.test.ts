import { loadBundle } from '@driftline/policy';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRows } from '../batch-rows.ts';
import { sha256 } from '../inventory/hash.ts';
import { createInventory } from '../inventory/inventory.ts';
import type { VersionRow } from '../timeline/rows.ts';
import { type ChangeBookLimits, openChangeBook } from './change-book.ts';

const id = { tenant: 'default', cluster: 'one' };

const documents = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'not-eve' },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      },
      validations: [{ expression: "request.userInfo.username != 'eve'" }],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'all' },
    spec: { policyName: 'not-eve', validationActions: ['Audit'] },
  },
];

const bundleOf = () => {
  const files = documents.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const result = loadBundle({ files, relations: [], sha256 });
  assert.ok(result.ok, JSON.stringify(result));
  return { controls: result.bundle.controls.map(({ control }) => control), version: '1' };
};

/** What was dropped when ConfigMaps were made, one at each of these moments, and how many wait in the end. */
const waitingAfter = (momentsUs: readonly number[], limits: ChangeBookLimits) => {
  const dropped: (readonly [limit: string, isNews: boolean])[] = [];
  const book = openChangeBook(
    {
      id,
      bundle: bundleOf(),
      inventory: createInventory(),
      covers: () => true,
      limits,
      onFailure: (error) => assert.fail(String(error)),
      onDropped: (...drop) => void dropped.push(drop),
    },
    [],
  );
  const rows = openRows({ ...id, epoch: 'e' }, { firstSequence: 1, lastSequence: momentsUs.length, afterOwn: 0 });
  for (const [index, observedAtUs] of momentsUs.entries()) {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${index}`, namespace: 'shop' } };
    const place = { group: '', resource: 'configmaps', kind: 'ConfigMap', namespace: 'shop', name: `c${index}` };
    const row: VersionRow = {
      ...place,
      apiVersion: 'v1',
      sequence: index + 1,
      uid: `u${index}`,
      resourceVersion: '1',
      op: 'created',
      observedAtUs,
      notBeforeUs: 0,
      paths: [],
      body: JSON.stringify(object),
      managers: [],
      synthesised: false,
    };
    book.change({ ...row, epoch: 'e' }, { before: () => undefined, after: () => object }, [], rows);
  }
  return { dropped, waiting: book.waiting };
};

const wide: ChangeBookLimits = { windowUs: 1_000, waitingChanges: 100, waitingCharacters: 1_000_000 };

test('a change that no longer waits because too many do is told of, and one whose time is over is not', () => {
  assert.deepEqual(waitingAfter([1, 2, 3], wide), { dropped: [], waiting: 3 });
  assert.deepEqual(waitingAfter([1, 1_002, 3_000], wide), { dropped: [], waiting: 1 });
  assert.deepEqual(waitingAfter([1, 2, 3, 4], { ...wide, waitingChanges: 2 }), {
    dropped: [
      ['waitingChanges', true],
      ['waitingChanges', false],
    ],
    waiting: 2,
  });
  assert.deepEqual(waitingAfter([1, 2], { ...wide, waitingCharacters: 100 }), {
    dropped: [['waitingCharacters', true]],
    waiting: 1,
  });
});
