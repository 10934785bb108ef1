/** Exceptions over the API: what they hold is what the timeline says they hold. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { ApiException, ApiFinding } from '@driftline/proto';
import { loadBundle } from '@driftline/policy';
import { openTestApi, type TestApi } from './testing/open-test-api.ts';
import { batch, startUs, stream, transition } from './testing/rows.ts';

const exceptionFile = (id: string, expires: string, more: object = {}) => ({
  path: `${id}.yaml`,
  text: JSON.stringify({
    apiVersion: 'driftline.dev/v1',
    kind: 'Exception',
    id,
    controls: ['DL-*'],
    scope: { namespaces: ['shop'] },
    owner: 'team-a',
    approver: 'alice@example.org',
    reason: 'soon',
    ticket: 'SEC-1',
    expires,
    ...more,
  }),
});

const loaded = loadBundle({
  files: [
    exceptionFile('EX-1', '2026-02-01'),
    exceptionFile('EX-10', '2026-01-05'),
    exceptionFile('EX-idle', '2027-01-01', { scope: { clusters: ['west'] } }),
    exceptionFile('EX-over', '2025-01-01'),
  ],
  relations: [],
  sha256: (text) => hash('sha256', text, 'hex'),
});

const held = (id: string, until: string) => `excepted by ${id} until ${until} (SEC-1): container web is privileged`;

let api: TestApi;
before(async () => {
  assert.ok(loaded.ok);
  api = await openTestApi({
    policies: { ...loaded.bundle, controls: [] },
    now: () => startUs / 1_000,
    tokens: [
      { token: 'reader-token-of-the-test', role: 'reader' },
      { token: 'reader-of-west-only', role: 'reader', cluster: 'west' },
    ],
  });
  await api.record(
    batch([1, 3], {
      transitions: [
        transition(1, { findingId: 'a', state: 'excepted', reason: held('EX-1', '2026-02-01') }),
        transition(1, { index: 1, findingId: 'b', state: 'excepted', reason: held('EX-10', '2026-01-05') }),
        transition(1, {
          index: 2,
          findingId: 'c',
          state: 'excepted',
          severity: 'critical',
          reason: held('EX-1', '2026-02-01'),
        }),
        transition(1, { index: 3, findingId: 'd', state: 'excepted', reason: held('EX-over', '2025-01-01') }),
        transition(2, { findingId: 'd', state: 'reopened' }),
        transition(3, { findingId: 'e', reason: held('EX-1', '2026-02-01') }),
      ],
    }),
    // Of another cluster, and ended by the collector itself.
    batch(
      [1, 1],
      { transitions: [transition(1, { findingId: 'f', state: 'excepted', reason: held('EX-1', '2026-02-01') })] },
      { ...stream, cluster: 'west' },
    ),
    batch(
      [1, 1],
      {
        transitions: [transition(1, { findingId: 'g', state: 'excepted', reason: held('EX-1', '2026-02-01') })],
      },
      { ...stream, cluster: 'north' },
    ),
  );
  await api.record(
    batch(
      [1, 1],
      {
        transitions: [transition(1, { findingId: 'g', state: 'reopened', cause: 'deadline', afterOwn: 1 })],
      },
      { ...stream, cluster: 'north', epoch: 'collector' },
    ),
  );
});
after(() => api.close());

const exceptions = (query = '', token?: string) => api.all<ApiException>(`exceptions?${query}`, token);

test('state, use, and what fails when it ends; ordered by end', async () => {
  const items = await exceptions();
  assert.deepEqual(
    items.map(({ id, state, held: findings, isUnused }) => [id, state, findings, isUnused]),
    [
      ['EX-over', 'expired', 0, false],
      ['EX-10', 'expiring', 1, false],
      ['EX-1', 'active', 3, false],
      ['EX-idle', 'active', 0, true],
    ],
  );
  const one = items[2];
  assert.deepEqual([one?.heldByCluster, one?.endsAt], [{ east: 2, west: 1 }, '2026-02-02T00:00:00.000000Z']);
  assert.deepEqual(one?.heldBySeverity, { critical: 1, high: 2, medium: 0, low: 0, info: 0 });
  assert.deepEqual(items[3]?.clusters, ['west']);
});

test('what counts as expiring can be said', async () => {
  const states = (await exceptions('expiringBefore=2026-02-02T00:00:00Z')).map(({ state }) => state);
  assert.deepEqual(states, ['expired', 'expiring', 'expiring', 'active']);
});

test('a cluster has the exceptions that are about it, and a token for one sees no other', async () => {
  const inEast = (await exceptions('cluster=east')).map(({ id, held: findings }) => [id, findings]);
  assert.deepEqual(inEast, [
    ['EX-over', 0],
    ['EX-10', 1],
    ['EX-1', 2],
  ]);
  const west = await exceptions('', 'reader-of-west-only');
  assert.deepEqual(west.map(({ id, held: findings }) => [id, findings]).at(-2), ['EX-1', 1]);
  assert.equal((await api.get('exceptions?cluster=east', 'reader-of-west-only')).status, 403);
});

test('a finding says which exception holds it, and can be asked for by it', async () => {
  const findings = async (query: string) =>
    (await api.all<ApiFinding>(`findings?state=all&${query}`)).map(({ id, exception }) => [id, exception]);
  assert.deepEqual(await findings('cluster=east&exception=EX-1'), [
    ['c', 'EX-1'],
    ['a', 'EX-1'],
  ]);
  assert.deepEqual((await findings('cluster=east')).filter(([, exception]) => exception === null).length, 2);
  const unknown = await api.get('findings?exception=EX-2');
  assert.deepEqual([unknown.status, JSON.stringify(unknown.body).includes('EX-2')], [404, true]);
});
