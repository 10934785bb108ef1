/** New epochs, restarts, groups and tenants: what one life of an agent or collector leaves to the next. */
import type { Feedback, PipelineDeps, StreamBatch } from '@driftline/collector';
import type { Batch, KindSynced, ObjectRef } from '@driftline/proto';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';
import {
  body,
  bundle,
  configMap,
  cutOf,
  gapsOf,
  item,
  knownOf,
  open,
  openFindings,
  replay,
  sorted,
  stream,
  throwing,
  tooLarge,
  versionsOf,
} from './pipeline-rig.ts';

describe('a new epoch', () => {
  const gap = { type: 'gap', group: '', resource: '', fromVersion: '', toVersion: '' } as const;
  const epochStart = {
    ...gap,
    fromUs: 0,
    toUs: 1_700_000_100_000_000,
    cause: 'epoch_start',
    detail: '',
    fromSequence: 0,
    toSequence: 0,
  } as const;
  const synced = (agent: AgentStream): KindSynced => ({
    type: 'kind-synced',
    group: '',
    resource: 'configmaps',
    kind: 'ConfigMap',
    resourceVersion: agent.lastVersion,
    objects: agent.known.size,
  });
  /** An agent that has lost its memory lists everything again. */
  const successor = (names: readonly string[], sizes: Record<string, number> = {}): AgentStream => {
    const agent = new AgentStream('e2', 1_700_000_100_000_000, 1_000);
    agent.send(epochStart);
    for (const each of names) agent.put(configMap(each), body(each, { size: sizes[each] ?? 1 }), { op: 'snapshot' });
    return agent.send(synced(agent));
  };
  const firstLife = async (store: MemoryStore) => {
    const opened = open(store);
    const agent = new AgentStream('e1');
    agent.send(epochStart);
    for (const each of ['a', 'b', 'c']) agent.put(configMap(each), body(each, { size: each === 'b' ? 9 : 1 }));
    await opened.pipeline.handle([item(agent, cutOf(agent.send(synced(agent))))]);
    return opened;
  };

  test('the first epoch has nothing behind it: no gap', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });

  test('same content is no version; what vanished is deleted once its kind is synced; the loss is confessed', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    const agent = successor(['a', 'c'], { c: 2 });
    await pipeline.handle([item(agent, cutOf(agent))]);
    const rows = versionsOf(store).filter((row) => row.epoch === 'e2');
    assert.deepEqual(
      rows.map((row) => [row.name, row.op, row.synthesised]),
      [
        ['c', 'snapshot', false],
        ['b', 'deleted', true],
      ],
    );
    const [told] = gapsOf(store);
    assert.deepEqual([told?.cause, told?.detail, gapsOf(store).length], ['epoch_start', 'agent state lost', 1]);
    // What the epoch before had told is as certain as ever.
    const before = store.batches.filter(({ stream }) => stream.epoch === 'e1').flatMap(({ versions }) => versions);
    assert.ok((told?.fromUs ?? 0) >= Math.max(...before.map(({ observedAtUs }) => observedAtUs)));
    assert.deepEqual(openFindings(store), []);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    await pipeline.close();
  });

  test('after a restart in the middle of the new list nothing is deleted by guess: the unsure are asked for', async () => {
    const store = createMemoryStore();
    const { pipeline } = await firstLife(store);
    const agent = new AgentStream('e2', 1_700_000_100_000_000, 1_000);
    agent.send(epochStart).put(configMap('a'), body('a', { size: 1 }), { op: 'snapshot' });
    await pipeline.handle([item(agent, cutOf(agent))]);
    await pipeline.close();
    const again = open(store);
    agent.put(configMap('c'), body('c', { size: 1 }), { op: 'snapshot' }).send(synced(agent));
    await again.pipeline.handle([item(agent, cutOf(agent))]);
    assert.deepEqual(
      versionsOf(store).filter((row) => row.op === 'deleted'),
      [],
    );
    const asked = again.feedback.flatMap((each) => (each.type === 'need-full' ? each.objects : []));
    assert.deepEqual(
      asked.map((ref) => ref.name),
      ['a', 'b'],
    );
    for (const ref of asked) agent.snapshot(ref);
    await again.pipeline.handle([item(agent, cutOf(agent))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    await again.pipeline.close();
  });
});

describe('a definition that goes', () => {
  const definition = (name: string): ObjectRef => ({
    ...configMap(name),
    group: 'apiextensions.k8s.io',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespace: '',
  });
  const widget = { ...configMap('w'), group: 'example.com', resource: 'widgets', kind: 'Widget' };
  const cases: readonly (readonly [string, (agent: AgentStream) => unknown])[] = [
    ['told', (agent) => agent.remove(definition('widgets.example.com'))],
    [
      'shown by a list',
      (agent) =>
        agent.send({
          type: 'kind-synced',
          group: 'apiextensions.k8s.io',
          resource: 'customresourcedefinitions',
          kind: 'CustomResourceDefinition',
          resourceVersion: '9',
          objects: 0,
        }),
    ],
  ];
  for (const [how, goes] of cases) {
    test(`takes the objects of its kind with it, and they are asked for: ${how}`, async () => {
      const store = createMemoryStore();
      const { pipeline, feedback } = open(store);
      const agent = new AgentStream('e1');
      agent.put(definition('widgets.example.com'), {}).put(widget, {});
      agent.put({ ...widget, group: 'other.example.com' }, {});
      await pipeline.handle([item(agent, cutOf(agent))]);
      const successor = new AgentStream('e2', 1_700_000_100_000_000, 1_000);
      if (how === 'told') successor.put(definition('widgets.example.com'), {});
      goes(successor);
      await pipeline.handle([item(successor, cutOf(successor))]);
      const asked = (of: readonly Feedback[]) =>
        of
          .flatMap((each) => (each.type === 'need-full' ? each.objects : []))
          .map((ref) => `${ref.resource}.${ref.group}`);
      assert.deepEqual(asked(feedback), ['widgets.example.com']);
      await pipeline.close();

      const again = open(store);
      await again.pipeline.recoverAll();
      await again.pipeline.housekeep();
      assert.deepEqual(asked(again.feedback), ['widgets.example.com'], 'asked for again after a restart');
      await again.pipeline.handle([item(successor, cutOf(successor.remove(widget)))]);
      await again.pipeline.close();
      const last = open(store);
      await last.pipeline.recoverAll();
      await last.pipeline.housekeep();
      assert.deepEqual(asked(last.feedback), []);
      await last.pipeline.close();
    });
  }
});

describe('a restart', () => {
  test('without a change records nothing', async () => {
    const store = createMemoryStore();
    const first = open(store, bundle(tooLarge, throwing));
    const agent = new AgentStream('e1');
    agent.put(configMap('a'), body('a', { size: 9 })).put(configMap('b'), body('b', { size: 1 }));
    const batch = item(agent, cutOf(agent));
    await first.pipeline.handle([batch]);
    await first.pipeline.close();
    const recorded = store.batches.length;
    const second = open(store, bundle(tooLarge, throwing));
    await second.pipeline.recoverAll();
    await second.pipeline.handle([batch]);
    assert.equal(store.batches.length, recorded);
    assert.deepEqual(second.feedback, [{ type: 'recorded', stream, sequence: 2 }]);
    await second.pipeline.close();
  });

  test("with a new bundle records what it finds in the collector's own stream, once", async () => {
    const store = createMemoryStore();
    const first = open(store, bundle());
    const agent = new AgentStream('e1');
    await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
    await first.pipeline.close();
    for (let restart = 0; restart < 2; restart++) {
      const next = open(store, bundle(tooLarge));
      await next.pipeline.recoverAll();
      await next.pipeline.close();
    }
    const own = store.batches.filter((batch) => batch.stream.epoch === 'collector');
    assert.equal(own.length, 1);
    assert.deepEqual(
      own[0]?.transitions.map((row) => [row.control, row.state, row.cause, row.sequence]),
      [['too-large', 'opened', 'bundle', 1]],
    );
  });

  test('an audit event still finds the change that was recorded before it', async () => {
    const store = createMemoryStore();
    const first = open(store);
    const agent = new AgentStream('e1');
    await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    await first.pipeline.close();
    const second = open(store);
    const event = {
      kind: 'Event',
      auditID: 'id-1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      verb: 'create',
      user: { username: 'alice@example.com', groups: ['dev'] },
      userAgent: 'kubectl/v1.34',
      objectRef: { resource: 'configmaps', namespace: 'shop', name: 'a', apiVersion: 'v1' },
      responseStatus: { code: 201 },
      responseObject: { metadata: { name: 'a', uid: 'uid-a', resourceVersion: '1' } },
      requestReceivedTimestamp: '2023-11-14T22:13:20.000000Z',
      stageTimestamp: '2023-11-14T22:13:20.000500Z',
    };
    const audit = { type: 'audit', digest: 'd1', event: JSON.stringify(event), source: 'webhook' } as const;
    await second.pipeline.handle([item(agent, cutOf(agent.send(audit)))]);
    const batch = item(agent, cutOf(agent.send(audit)));
    await second.pipeline.handle([batch]);
    const links = store.batches.flatMap((each) => each.links);
    assert.deepEqual(
      links.map((link) => [link.changeSequence, link.confidence, link.origin, link.user, link.sequence]),
      [[1, 'exact', 'human', 'alice@example.com', 2]],
    );
    assert.equal(store.batches.flatMap((each) => each.audits).length, 1, 'the repeated event is recorded once');
    await second.pipeline.close();
  });
});

test('a store that cannot be read for a while delays the line, and nothing is judged from half a memory', async () => {
  const store = createMemoryStore();
  const first = open(store);
  const agent = new AgentStream('e1');
  await first.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
  await first.pipeline.close();
  const second = open(store);
  let failures = 3;
  const epochs = second.timeline.epochs.bind(second.timeline);
  second.timeline.epochs = (id) => (failures-- > 0 ? Promise.reject(new Error('connection refused')) : epochs(id));
  await second.pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
  assert.equal(failures, -1);
  assert.deepEqual(openFindings(store), []);
  assert.equal(versionsOf(store).length, 2);
  await second.pipeline.close();
});

test('batches that come while a group is written share the next group', async () => {
  const store = createMemoryStore();
  const { pipeline } = open(store);
  const agent = new AgentStream('e1');
  await pipeline.handle([item(agent, cutOf(agent.put(configMap('first'), body('first', {}))))]);
  const before = store.groups;
  const mayBeWritten = Promise.withResolvers<void>();
  store.delay = () => mayBeWritten.promise;
  const batches = Array.from({ length: 50 }, (_, at) =>
    item(agent, cutOf(agent.put(configMap('a'), body('a', { size: at })))),
  );
  const handled = Promise.all(batches.map((batch) => pipeline.handle([batch])));
  const { lastSequence } = batches[49]!.batch;
  const isTaken = (): boolean => pipeline.memories()[0]!.streams.get('e1')!.nextSequence > lastSequence;
  while (!isTaken()) await new Promise((resolve) => setImmediate(resolve));
  mayBeWritten.resolve();
  await handled;
  assert.equal(versionsOf(store).length, 51);
  assert.ok(store.groups - before <= 3, `${store.groups - before} groups`);
  await pipeline.close();
});

test('two clusters do not see each other, and two tenants may call a cluster the same', async () => {
  const store = createMemoryStore();
  const { pipeline } = open(store);
  const agents = ['one', 'two'].map((tenant) => ({ tenant, agent: new AgentStream('e1') }));
  for (const [at, { tenant, agent }] of agents.entries()) {
    const made = item(agent, cutOf(agent.put(configMap('a'), body('a', { size: at * 9 }))));
    await pipeline.handle([{ ...made, stream: { tenant, cluster: 'east', epoch: 'e1' } }]);
  }
  assert.deepEqual(
    store.batches.map((batch) => [batch.stream.tenant, batch.versions.length, batch.transitions.length]),
    [
      ['one', 1, 0],
      ['two', 1, 1],
    ],
  );
  await pipeline.close();
});

describe('one cluster', () => {
  const inCluster = (cluster: string, agent: AgentStream, batch: Batch): StreamBatch => ({
    ...item(agent, batch),
    stream: { tenant: 'default', cluster, epoch: agent.epoch },
  });

  test('whose memory cannot be rebuilt waits by itself, however long, and goes on when it can', async () => {
    const store = createMemoryStore();
    const { pipeline, timeline } = open(store);
    const epochs = timeline.epochs.bind(timeline);
    let isBroken = true;
    const attempts: string[] = [];
    timeline.epochs = (id) => {
      if (id.cluster !== 'broken' || !isBroken) return epochs(id);
      attempts.push(id.cluster);
      return Promise.reject(new Error('too large for the memory of the store'));
    };
    const agents = ['broken', 'fine'].map((cluster) => ({ cluster, agent: new AgentStream('e1') }));
    const [stuck, free] = agents.map(({ cluster, agent }) =>
      pipeline.handle([inCluster(cluster, agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]),
    );
    await free;
    await pipeline.housekeep();
    while (attempts.length < 30) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(
      store.batches.map((batch) => batch.stream.cluster),
      ['fine'],
    );
    isBroken = false;
    await stuck;
    assert.deepEqual(
      store.batches.map((batch) => [batch.stream.cluster, batch.versions.length]),
      [
        ['fine', 1],
        ['broken', 1],
      ],
    );
    await pipeline.close();
  });

  test('is lost to another worker while its memory cannot be rebuilt: the worker lets go of it', async () => {
    const store = createMemoryStore();
    const { pipeline, timeline } = open(store);
    timeline.epochs = () => Promise.reject(new Error('away'));
    const agent = new AgentStream('e1');
    const handled = pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    await pipeline.lost([{ tenant: 'default', cluster: 'east' }]);
    await handled;
    assert.deepEqual(store.batches, []);
    await pipeline.close();
  });

  test('whose stream the store refuses starts over from the timeline: what was not recorded is asked for again', async () => {
    const store = createMemoryStore();
    const { pipeline, timeline, feedback } = open(store);
    const record = timeline.record.bind(timeline);
    let refusals = 2;
    let isRefusing = false;
    const writer: Pick<PipelineDeps['writer'], 'record' | 'forget'> = timeline;
    writer.forget = () => (isRefusing = false);
    writer.record = async (batches) => {
      const own = batches.filter((batch) => batch.stream.cluster === 'east');
      if (refusals > 0 && own.some((batch) => batch.lastSequence === 2)) {
        refusals -= 1;
        isRefusing = true;
      }
      if (!isRefusing || own.length === 0) return record(batches);
      await record(batches.filter((batch) => batch.stream.cluster !== 'east'));
      return [{ stream, error: new Error('recorded by somebody else') }];
    };
    const agent = new AgentStream('e1');
    const other = new AgentStream('e1');
    const batches = [1, 2, 3].map((size) => item(agent, cutOf(agent.put(configMap('a'), body('a', { size })))));
    const elsewhere = inCluster('west', other, cutOf(other.put(configMap('b'), body('b', {}))));
    await pipeline.handle([batches[0]!]);
    await pipeline.handle([batches[1]!, elsewhere]);
    for (let round = 0; round < 3 && versionsOf(store).length < 4; round++) {
      const asked = feedback.findLast((each) => each.type === 'resend');
      assert.deepEqual(asked, { type: 'resend', stream, fromSequence: 2 });
      await pipeline.handle(batches.slice(1));
    }
    assert.deepEqual(
      versionsOf(store).map((row) => [row.name, row.sequence]),
      [
        ['a', 1],
        ['b', 1],
        ['a', 2],
        ['a', 3],
      ],
    );
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });
});
