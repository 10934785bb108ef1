import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../chain/chain.ts';
import type { VersionRow } from '../rows.ts';
import { storedRows } from './stored-row.ts';
import { recordTables } from './tables.ts';

const rowOf = (body: string): VersionRow => ({
  sequence: 1,
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  namespace: 'shop',
  name: 'web',
  uid: 'u1',
  resourceVersion: '7',
  op: 'modified',
  observedAtUs: 2,
  notBeforeUs: 1,
  paths: ['/spec/replicas'],
  body,
  managers: [{ manager: 'kubectl', operation: 'Update', subresource: '', timeUs: 1, paths: ['/spec/replicas'] }],
  synthesised: false,
});
const [versions] = recordTables;
const digestOf = (row: VersionRow): string => {
  assert.ok(versions);
  const [stored] = storedRows(versions, [row]);
  assert.ok(stored);
  return stored.digest;
};

test("a row's digest is the same whether the hash of its body came with it or is made", () => {
  const row = rowOf('{"spec":{"replicas":3}}');
  assert.equal(digestOf({ ...row, bodyHash: sha256(row.body) }), digestOf(row));
});

test('where the stored body is another than the one that was hashed, the digest is of what is stored', () => {
  const row = rowOf('{"a":"\ud800"}');
  assert.equal(digestOf({ ...row, bodyHash: sha256(row.body) }), digestOf({ ...row, body: row.body.toWellFormed() }));
  assert.equal(digestOf({ ...row, bodyHash: '0'.repeat(64) }), digestOf(row));
});
