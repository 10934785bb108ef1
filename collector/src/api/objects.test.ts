import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ApiGap, ApiObjectState, ApiRecord, ApiStatus } from '@driftline/proto';
import { openAgentSessions } from '../timeline/sessions/agent-sessions.ts';
import { audit, batch, coverage, gap, link, secondUs, startUs, stream, transition, version } from './testing/rows.ts';
import { openTestApi, type TestApi } from './testing/open-test-api.ts';

let api: TestApi;

const west = { ...stream, cluster: 'west' };
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const live = {
  tenant: 'default',
  cluster: 'east',
  epoch: 'e1',
  agentVersion: '0.1.0',
  kubernetesVersion: 'v1.36.2',
  lastSequence: 25,
  spoolBytes: 2048,
};

before(async () => {
  api = await openTestApi();
  await api.record(
    batch([1, 20], {
      coverage: [
        coverage(1),
        coverage(1, { group: '', resource: 'secrets', kind: 'Secret', state: 'forbidden', reason: 'may not list' }),
        coverage(1, { group: '', resource: 'nodes', kind: 'Node' }),
        coverage(15, { group: '', resource: 'nodes', kind: 'Node', state: 'failing', reason: 'timeouts' }),
      ],
      versions: [
        version(2, {
          op: 'created',
          object: { metadata: { name: 'web', labels: { app: 'web' } }, spec: { replicas: 1 } },
        }),
        version(4, { object: { metadata: { name: 'web' }, spec: { replicas: 2 } }, paths: ['/spec'] }),
        version(6, { op: 'deleted' }),
        version(8, { op: 'created', uid: 'uid-2', object: { metadata: { name: 'web' }, spec: { replicas: 3 } } }),
        version(3, { name: 'api', op: 'created' }),
        version(3, { name: 'pool-1', namespace: '', group: '', resource: 'nodes', kind: 'Node', op: 'snapshot' }),
      ],
      transitions: [
        transition(2),
        transition(3, { findingId: 'f2', name: 'api' }),
        transition(4, { state: 'resolved' }),
      ],
      audits: [audit(5), audit(6), audit(7, { auditId: 'id-6' })],
      links: [
        link(5, 2),
        link(5, 4),
        link(9, 4, { confidence: 'none', auditDigest: '' }),
        link(6, 8, { uid: 'uid-2' }),
      ],
      gaps: [gap(12, { fromUs: startUs + 10 * secondUs, toUs: startUs + 12 * secondUs })],
      unjudged: [
        {
          sequence: 2,
          index: 0,
          control: 'c1',
          group: 'apps',
          kind: 'Deployment',
          namespace: 'shop',
          name: 'web',
          state: 'unjudged',
          reason: 'threw',
          bundle: 'b1',
          atUs: startUs,
          afterOwn: 0,
        },
        {
          sequence: 2,
          index: 1,
          control: 'c2',
          group: 'apps',
          kind: 'Deployment',
          namespace: 'shop',
          name: 'web',
          state: 'not-assessable',
          reason: 'redacted',
          bundle: 'b1',
          atUs: startUs,
          afterOwn: 0,
        },
        {
          sequence: 4,
          index: 0,
          control: 'c1',
          group: 'apps',
          kind: 'Deployment',
          namespace: 'shop',
          name: 'web',
          state: 'cleared',
          reason: '',
          bundle: 'b1',
          atUs: startUs + secondUs,
          afterOwn: 0,
        },
      ],
      rejected: [
        {
          sequence: 9,
          source: 'webhook',
          reason: 'not-json',
          detail: '',
          bytes: 12,
          observedAtUs: startUs + 20 * secondUs,
        },
      ],
    }),
    batch(
      [1, 2],
      {
        versions: [version(1, { op: 'created' })],
        gaps: [gap(2, { group: '', resource: '', cause: 'sequence_hole' })],
      },
      west,
    ),
    // The collector's own stream is no agent's.
    batch([1, 1], {}, { ...stream, epoch: 'collector' }),
  );
  const sessions = openAgentSessions(api.timeline.connection);
  await sessions.append({
    ...west,
    instance: 'i',
    agentVersion: '0.0.9',
    kubernetesVersion: 'v1.35.0',
    connectedAtUs: startUs,
  });
  await sessions.close();
  api.connected.push(live, { ...live, tenant: 'other', cluster: 'theirs' });
});
after(() => api.close());

const states = (query: string) => api.all<ApiObjectState>(`objects?${query}`);
const replicas = (state: ApiObjectState | undefined) =>
  (state?.body as { spec?: { replicas: number } } | undefined)?.spec?.replicas;
const webAt = async (second: number) => (await states(`kind=deploy&cluster=east&name=web&at=${at(second)}`))[0];

test('an object is as it was at the moment: not yet, first, changed, gone, and there again', async () => {
  assert.equal(await webAt(1), undefined);
  assert.equal(replicas(await webAt(2)), 1);
  assert.equal(replicas(await webAt(3)), 1);
  assert.equal(replicas(await webAt(5)), 2);
  assert.equal(await webAt(7), undefined);
  const again = await webAt(9);
  assert.deepEqual(
    [replicas(again), again?.object.uid, again?.changeId, again?.resourceVersion],
    [3, 'uid-2', 'e1:8', '108'],
  );
  assert.equal(again?.observedAt, '2026-01-01T00:00:08.000000Z');
});

test('a gap that covers the moment makes it uncertain, and is told', async () => {
  assert.equal((await webAt(9))?.certainty, 'certain');
  assert.equal((await webAt(11))?.certainty, 'gap');
  assert.equal((await webAt(13))?.certainty, 'certain');
  const { body } = await api.get(`objects?kind=deploy&name=nothing&at=${at(11)}`);
  const answer = body as { items: unknown[]; gaps: ApiGap[] };
  assert.deepEqual(
    [answer.items.length, answer.gaps.map(({ cluster, cause }) => [cluster, cause])],
    [0, [['east', 'relist']]],
  );
});

test('a gap in everything covers every kind; a gap in one kind no other', async () => {
  assert.equal((await states(`kind=deploy&cluster=west&at=${at(2)}`))[0]?.certainty, 'gap');
  assert.equal((await states(`kind=nodes&at=${at(11)}`))[0]?.certainty, 'certain');
});

test('a kind that was not watched at the moment is uncertain', async () => {
  assert.equal((await states(`kind=nodes&at=${at(14)}`))[0]?.certainty, 'certain');
  assert.equal((await states(`kind=nodes&at=${at(16)}`))[0]?.certainty, 'gap');
});

test('after the last message of an agent that is away nothing is certain', async () => {
  const [east, , second] = await states('kind=deploy');
  assert.deepEqual([east?.object.cluster, east?.certainty], ['east', 'certain']);
  assert.deepEqual([second?.object.cluster, second?.certainty], ['west', 'gap']);
});

test('filters, label selectors and pages', async () => {
  const names = async (query: string) =>
    (await states(`kind=deploy&${query}`)).map(({ object }) => `${object.cluster}/${object.name}`);
  assert.deepEqual(await names(''), ['east/api', 'east/web', 'west/web']);
  assert.deepEqual(await names(`selector=app&at=${at(3)}`), ['east/web']);
  assert.deepEqual(await names(`selector=app&at=${at(5)}`), []);
  assert.deepEqual(await names('namespace=lab'), []);
  for (const limit of [1, 2, 3]) assert.deepEqual(await names(`limit=${limit}`), ['east/api', 'east/web', 'west/web']);
  for (const limit of [1, 2])
    assert.deepEqual(await names(`selector=!app&limit=${limit}`), ['east/api', 'east/web', 'west/web']);
});

const records = (query: string) => api.all<ApiRecord>(`records?cluster=east&${query}`);
/** `<sequence> <what>` of each. */
const told = async (query: string) =>
  (await records(query)).map((record) => {
    const { order } = record;
    if (record.type === 'version') return `${order[1]} ${record.op} ${record.object.resource}/${record.object.name}`;
    if (record.type === 'rejected') return `${order[1]} ${record.source} ${record.reason}`;
    return record.type === 'coverage'
      ? `${order[1]} ${record.state} ${record.resource}`
      : `${order[1]} ${record.state} ${record.findingId}`;
  });

test('records: a state and what came after it are all that was recorded, whatever the pages', async () => {
  const everything = [
    '2 created deployments/web',
    '3 created deployments/api',
    '3 snapshot nodes/pool-1',
    '4 modified deployments/web',
    '6 deleted deployments/web',
    '8 created deployments/web',
  ];
  for (const limit of [1, 2, 100]) {
    assert.deepEqual((await told(`limit=${limit}`)).sort(), everything.sort());
    assert.deepEqual(await told(`since=${at(4)}&limit=${limit}`), everything.slice(4));
    assert.deepEqual(await told(`at=${at(4)}&limit=${limit}`), [
      '3 snapshot nodes/pool-1',
      '3 created deployments/api',
      '4 modified deployments/web',
    ]);
    assert.deepEqual(await told(`at=${at(7)}&limit=${limit}`), [
      '3 snapshot nodes/pool-1',
      '3 created deployments/api',
    ]);
    assert.deepEqual(await told(`type=transition&limit=${limit}`), ['2 opened f1', '3 opened f2', '4 resolved f1']);
    assert.deepEqual(await told(`type=transition&at=${at(3)}&limit=${limit}`), ['2 opened f1', '3 opened f2']);
    assert.deepEqual(await told(`type=transition&at=${at(4)}&limit=${limit}`), ['3 opened f2']);
    assert.deepEqual(await told(`type=coverage&at=${at(2)}&limit=${limit}`), [
      '1 watched nodes',
      '1 forbidden secrets',
      '1 watched deployments',
    ]);
    assert.deepEqual(await told(`type=coverage&since=${at(2)}&limit=${limit}`), ['15 failing nodes']);
  }
  assert.deepEqual(await told('type=rejected'), ['9 webhook not-json']);
  const [gone, there] = (await records(`since=${at(5)}`)) as readonly Extract<ApiRecord, { type: 'version' }>[];
  assert.equal(gone?.body, null);
  assert.deepEqual([there?.object.uid, there?.at], ['uid-2', '2026-01-01T00:00:08.000000Z']);
  assert.equal((await api.get('records')).status, 400);
  assert.equal((await api.get(`records?cluster=east&type=rejected&at=${at(1)}`)).status, 400);
  assert.equal((await api.get(`records?cluster=east&at=${at(1)}&since=${at(1)}`)).status, 400);
});

test('a page ends where its objects weigh too much, and the pages after it lack nothing', async () => {
  const { bodyCharacters } = api.bounds;
  const questions = [
    'objects?kind=deploy',
    'objects?kind=deploy&selector=!app',
    'records?cluster=east&type=version&since=2026-01-01T00:00:00Z',
    `records?cluster=east&type=version&at=${at(9)}`,
  ];
  const unbounded = await Promise.all(questions.map((question) => api.all(question)));
  assert.ok(unbounded.every((items) => items.length > 1));
  try {
    for (const [index, question] of questions.entries())
      for (api.bounds.bodyCharacters of [1, 100]) assert.deepEqual(await api.all(question), unbounded[index], question);
    api.bounds.bodyCharacters = 1;
    for (const question of questions) {
      const { items } = (await api.get(question)).body as { items: readonly unknown[] };
      assert.ok(items.length <= 1, question);
    }
  } finally {
    api.bounds.bodyCharacters = bodyCharacters;
  }
});

test('status tells of every agent, connected or away, and of what is not seen', async () => {
  const { body } = await api.get('status');
  const status = body as ApiStatus;
  const [east, second] = status.agents;
  assert.equal(status.agents.length, 2, 'no other tenant, no stream of the collector itself');
  assert.deepEqual(
    [
      east?.cluster,
      east?.connected,
      east?.recordedSequence,
      east?.lastSequence,
      east?.spoolBytes,
      east?.kubernetesVersion,
    ],
    ['east', true, 20, 25, 2048, 'v1.36.2'],
  );
  assert.deepEqual([east?.objects, east?.gaps, east?.epoch], [3, 1, 'e1']);
  assert.ok((east?.lagMs ?? -1) >= 0 && east?.lastRecordedAt !== null);
  assert.deepEqual(
    [second?.connected, second?.agentVersion, second?.kubernetesVersion, second?.objects],
    [false, '0.0.9', 'v1.35.0', 1],
  );
  api.mode.current = 'fleet';
  const fleet = (await api.get('status')).body as ApiStatus;
  api.mode.current = 'embedded';
  assert.deepEqual(
    fleet.agents.map(({ connected }) => connected),
    [true, null],
    'in a fleet, an agent may be connected to another gateway',
  );
  assert.deepEqual(
    status.gaps.map(({ cluster, cause }) => [cluster, cause]),
    [
      ['east', 'relist'],
      ['west', 'sequence_hole'],
    ],
  );
  assert.deepEqual(
    status.coverage.map(({ resource, state }) => [resource, state]),
    [
      ['nodes', 'failing'],
      ['secrets', 'forbidden'],
      ['deployments', 'watched'],
    ],
  );
  assert.deepEqual([status.unjudged, status.notAssessable, status.rejected], [0, 1, 1]);
  assert.deepEqual(status.auditing, [
    { cluster: 'east', changes: 5, unexplained: 3, events: 3, ambiguousIds: 1 },
    { cluster: 'west', changes: 1, unexplained: 1, events: 0, ambiguousIds: 0 },
  ]);
  assert.deepEqual([status.version, status.bundle, status.controls, status.mode], ['0.1.0', 'b1', 1, 'embedded']);
  const one = (await api.get('status?cluster=west')).body as ApiStatus;
  assert.deepEqual([one.agents.length, one.gaps.length, one.coverage.length, one.rejected], [1, 1, 0, 0]);
});

test('an agent that came back with a new epoch starts its count again', async () => {
  api.connected.push({ ...live, cluster: 'west', epoch: 'e2', lastSequence: 4 });
  const status = (await api.get('status?cluster=west')).body as ApiStatus;
  api.connected.pop();
  assert.deepEqual(
    [status.agents[0]?.epoch, status.agents[0]?.recordedSequence, status.agents[0]?.lastSequence],
    ['e2', 0, 4],
  );
});
