/** What the pipeline does with what does not fit: it asks, confesses or rejects, and goes on (laws 1 and 8). */
import { defaultPipelineLimits } from '@driftline/collector';
import type { Batch } from '@driftline/proto';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';
import {
  body,
  bundle,
  configMap,
  cutOf,
  gapsOf,
  inventoryOf,
  item,
  knownOf,
  open,
  openFindings,
  replay,
  sha256,
  sorted,
  stream,
  throwing,
  tooLarge,
  versionsOf,
} from './pipeline-rig.ts';

describe('what does not fit', () => {
  test('a hole is asked for again, and nothing after it is recorded before it comes', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    const batches = ['a', 'b', 'c'].map((each) => cutOf(agent.put(configMap(each), body(each, {}))));
    await pipeline.handle([item(agent, batches[0]!), item(agent, batches[2]!)]);
    assert.deepEqual(
      versionsOf(store).map((row) => row.name),
      ['a'],
    );
    const resends = feedback.filter((each) => each.type === 'resend');
    assert.deepEqual(resends, [{ type: 'resend', stream, fromSequence: 2 }]);
    await pipeline.handle([item(agent, batches[1]!), item(agent, batches[2]!)]);
    assert.deepEqual(
      versionsOf(store).map((row) => row.name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });

  test('a hole that the agent cannot fill is confessed once, and the line goes on', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    cutOf(agent.put(configMap('b'), body('b', {})));
    cutOf(agent.put(configMap('b'), body('b', { size: 1 })));
    agent.release(3);
    const last = item(agent, cutOf(agent.put(configMap('c'), body('c', {}))));
    await pipeline.handle([last, last]);
    const [gap, ...others] = gapsOf(store);
    assert.deepEqual(others, []);
    assert.deepEqual([gap?.cause, gap?.fromSequence, gap?.toSequence, gap?.sequence], ['sequence_hole', 2, 3, 4]);
    assert.equal(versionsOf(store).at(-1)?.name, 'c');
    await pipeline.close();
  });

  /** Of five messages the second to the fourth are gone; of the third a predecessor left the version, of the fourth a finding. */
  const abandoned = async () => {
    const agent = new AgentStream('e1');
    const objects = [
      ['a', 1],
      ['b', 1],
      ['b', 9],
      ['c', 1],
      ['d', 1],
    ] as const;
    const items = objects.map(([name, size]) => item(agent, cutOf(agent.put(configMap(name), body(name, { size })))));
    const predecessor = createMemoryStore();
    const { pipeline } = open(predecessor);
    await pipeline.handle(items);
    await pipeline.close();
    const store = createMemoryStore();
    const versions = versionsOf(predecessor).filter(({ sequence }) => sequence === 3);
    store.unfinished = { sequences: [3, 4], rows: { versions, audits: [], others: [] } };
    agent.release(4);
    return { store, first: items[0]!, between: items.slice(1, 4), last: { ...items[4]!, oldestSequence: 5 } };
  };
  const assertAdopted = (store: MemoryStore) => {
    assert.deepEqual(
      versionsOf(store).map(({ name, sequence }) => [name, sequence]),
      [
        ['a', 1],
        ['b', 3],
        ['d', 5],
      ],
    );
    assert.deepEqual(
      gapsOf(store).map((gap) => [gap.cause, gap.fromSequence, gap.toSequence]),
      [
        ['sequence_hole', 2, 2],
        ['sequence_hole', 4, 4],
      ],
    );
    assert.deepEqual(
      store.batches.map(({ firstSequence, lastSequence }) => [firstSequence, lastSequence]),
      [
        [1, 1],
        [2, 4],
        [5, 5],
      ],
    );
    const opened = store.batches.flatMap(({ transitions }) => transitions);
    assert.deepEqual(
      opened.map(({ sequence, name, state }) => [sequence, name, state]),
      [[3, 'b', 'opened']],
    );
  };

  test('what a predecessor left without a commit in a hole is told, and the rest of the hole confessed', async () => {
    const { store, first, last } = await abandoned();
    const { pipeline, timeline } = open(store);
    await pipeline.handle([first, last, last]);
    assertAdopted(store);
    assert.equal(await timeline.watermark(last.stream), 5);
    await pipeline.close();
  });

  test('so it is before an agent is told where its stream stands, and nothing is touched that it still holds', async () => {
    const { store, first, last } = await abandoned();
    const { pipeline, timeline } = open(store);
    await pipeline.handle([first]);
    await pipeline.settle(last.stream, 3);
    assert.equal(await timeline.watermark(last.stream), 1, 'the third is still held');
    await pipeline.settle(last.stream, 5);
    assert.equal(await timeline.watermark(last.stream), 4);
    await pipeline.settle(last.stream, 5);
    await pipeline.handle([last]);
    assertAdopted(store);
    await pipeline.close();
  });

  test('what came again and is on its way to the store is not taken for left behind', async () => {
    const { store, first, between, last } = await abandoned();
    const { pipeline } = open(store);
    await pipeline.handle([first]);
    const gate = Promise.withResolvers<void>();
    store.delay = () => gate.promise;
    const recording = pipeline.handle(between);
    await pipeline.settle(last.stream, 5);
    gate.resolve();
    await recording;
    await pipeline.handle([last]);
    assert.deepEqual(
      store.batches.map(({ firstSequence, lastSequence }) => [firstSequence, lastSequence]),
      [1, 2, 3, 4, 5].map((sequence) => [sequence, sequence]),
    );
    assert.deepEqual(gapsOf(store), []);
    await pipeline.close();
  });

  test('a patch that does not fit is never guessed: a gap, the whole object, and the truth again', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
    cutOf(agent.put(configMap('a'), body('a', { size: 2 })));
    agent.release(2);
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 3 }))))]);
    assert.equal(versionsOf(store).length, 1);
    assert.deepEqual(
      feedback.filter((each) => each.type === 'need-full'),
      [{ type: 'need-full', stream, objects: [configMap('a')] }],
    );
    assert.deepEqual(
      gapsOf(store).map((gap) => [gap.cause, gap.fromVersion, gap.toVersion]),
      [
        ['sequence_hole', '', ''],
        ['undecodable', '1', '3'],
      ],
    );
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    assert.deepEqual(sorted(inventoryOf(pipeline)), sorted(knownOf(agent)));
    await pipeline.close();
  });

  test('an agent that does not know of a predecessor: its end is told before the object that has its place', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a', 'one'), body('a', { size: 1 }))))]);
    const forgetful = new AgentStream('e2');
    await pipeline.handle([item(forgetful, cutOf(forgetful.put(configMap('a', 'two'), body('a', { size: 1 }))))]);
    assert.deepEqual(
      versionsOf(store).map(({ epoch, op, uid, synthesised }) => [epoch, op, uid, synthesised]),
      [
        ['e1', 'created', 'one', false],
        ['e2', 'deleted', 'one', true],
        ['e2', 'created', 'two', false],
      ],
    );
    assert.deepEqual(sorted(inventoryOf(pipeline)), sorted(knownOf(forgetful)));
    await pipeline.close();
  });

  test('a patch that would double the object again and again is refused before anything grows', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
    const doubling = Array.from({ length: 60 }, (_, at) => ({ op: 'copy', from: '/data', path: `/data/x${at}` }));
    agent.put(configMap('a'), body('a', { size: 2 }), { patch: JSON.stringify(doubling) });
    await pipeline.handle([item(agent, cutOf(agent))]);
    assert.ok(feedback.some((each) => each.type === 'need-full'));
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    await pipeline.close();
  });

  test('an object that is wanted is asked for again until it comes', async () => {
    const store = createMemoryStore();
    let nowMs = 1_000_000;
    const { pipeline, feedback } = open(store, bundle(tooLarge), () => nowMs);
    const agent = new AgentStream('e1');
    agent.put(configMap('a'), body('a', {}));
    cutOf(agent);
    agent.release(1);
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 1 }))))]);
    const asked = (): number => feedback.filter((each) => each.type === 'need-full').length;
    assert.equal(asked(), 1);
    await pipeline.housekeep();
    assert.equal(asked(), 1);
    nowMs += defaultPipelineLimits.fullRequestIntervalMs;
    await pipeline.housekeep();
    assert.equal(asked(), 2);
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    nowMs += defaultPipelineLimits.fullRequestIntervalMs;
    await pipeline.housekeep();
    assert.equal(asked(), 2);
    await pipeline.close();
  });
});

describe('law 8: recording never waits', () => {
  test('a control that throws leaves the version recorded, the others judged, and itself unjudged', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store, bundle(throwing, tooLarge));
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { size: 9 }))))]);
    const [batch] = store.batches;
    assert.equal(batch?.versions.length, 1);
    assert.deepEqual(openFindings(store), ['too-large a uid-a']);
    const [row] = batch?.unjudged ?? [];
    assert.deepEqual([row?.control, row?.state, row?.name], ['throwing', 'unjudged', 'a']);
    assert.match(row?.reason ?? '', /broken control/);
    await pipeline.close();
  });

  test('poison of every kind becomes rejected rows and gaps, is acknowledged, and what follows is recorded', async () => {
    const poison: ((agent: AgentStream) => Batch)[] = [
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), payload: new Uint8Array([1, 2, 3]) }),
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), payload: zstdCompressSync(Buffer.alloc(64)) }),
      (agent) => ({ ...cutOf(agent.put(configMap('x'), body('x', {}))), lastSequence: agent.lastSequence + 3 }),
      (agent) => ({
        ...cutOf(agent.put(configMap('x'), body('x', {}))),
        payload: zstdCompressSync(Buffer.alloc(defaultPipelineLimits.batchUncompressedBytes + 1)),
      }),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '{"half":' })),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '[]', contentHash: sha256('[]') })),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: '{}' })),
      (agent) => cutOf(agent.put(configMap('x'), body('another', {}))),
      (agent) => cutOf(agent.put(configMap('x'), body('x', {}), { full: undefined, patch: undefined })),
    ];
    for (const [at, make] of poison.entries()) {
      const store = createMemoryStore();
      const { pipeline, feedback } = open(store);
      const agent = new AgentStream('e1');
      const bad = make(agent);
      await pipeline.handle([item(agent, bad)]);
      const next = new AgentStream('e1');
      next.put(configMap('a'), body('a', { size: 9 }));
      const shifted = { ...cutOf(next), firstSequence: bad.lastSequence + 1, lastSequence: bad.lastSequence + 1 };
      await pipeline.handle([item(agent, shifted)]);
      const rejected = store.batches.flatMap((batch) => batch.rejected);
      assert.equal(rejected.length, 1, `poison ${at}`);
      assert.equal(gapsOf(store).length, 1, `poison ${at}`);
      assert.deepEqual(
        versionsOf(store).map((row) => row.name),
        ['a'],
        `poison ${at}`,
      );
      assert.deepEqual(openFindings(store), ['too-large a uid-a']);
      assert.deepEqual(feedback.at(-1), { type: 'recorded', stream, sequence: bad.lastSequence + 1 });
      await pipeline.close();
    }
  });

  test('a store that refuses fails the handler, and nothing is acknowledged', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', {}))))]);
    const acknowledged = feedback.length;
    store.refusal = new Error('read-only');
    const next = item(agent, cutOf(agent.put(configMap('b'), body('b', {}))));
    await assert.rejects(pipeline.handle([next]), /read-only/);
    assert.equal(feedback.length, acknowledged);
    await pipeline.close();
  });
});

describe('what is too large', () => {
  const limits = { inventory: { ...defaultPipelineLimits.inventory, objectBytes: 300 }, auditEventBytes: 400 };
  const small = body('a', { text: 'small' });
  // Two bytes a character: within the limit by characters, beyond it by bytes.
  const large = body('a', { text: 'ü'.repeat(140) });

  test('an object is rejected with its reason, the line goes on, and its next version comes back whole', async () => {
    const store = createMemoryStore();
    const { pipeline, feedback } = open(store, bundle(tooLarge), () => 1_800_000_000_000, limits);
    const agent = new AgentStream('e1');
    agent.put(configMap('a'), large).put(configMap('b'), body('b', {}));
    await pipeline.handle([item(agent, cutOf(agent))]);
    const rejected = () =>
      store.batches.flatMap((batch) => batch.rejected.map(({ source, reason }) => [source, reason]));
    assert.deepEqual(rejected(), [['delta', 'too-large']]);
    assert.deepEqual(
      versionsOf(store).map((row) => row.name),
      ['b'],
    );
    // A patch against the form that is not held.
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), small)))]);
    assert.deepEqual(feedback.at(-1), { type: 'recorded', stream, sequence: 3 });
    assert.ok(feedback.some((each) => each.type === 'need-full' && each.objects[0]?.name === 'a'));
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    // Small and known, it grows by a patch beyond the limit, and shrinks again.
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), large)))]);
    assert.equal(rejected().length, 2);
    const asked = feedback.filter((each) => each.type === 'need-full').length;
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { text: 'again' }))))]);
    assert.equal(feedback.filter((each) => each.type === 'need-full').length, asked + 1);
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    assert.deepEqual(sorted(replay(store)), sorted(knownOf(agent)));
    // Every version that is not there lies in a gap.
    assert.deepEqual(
      gapsOf(store).map((gap) => [gap.cause, gap.fromVersion, gap.toVersion]),
      [
        ['undecodable', '', '1'],
        ['undecodable', '', '3'],
        ['undecodable', '4', '5'],
        ['undecodable', '4', '6'],
      ],
    );
    await pipeline.close();
  });

  test('an object that was asked for and is too large is not asked for again until it changes', async () => {
    const store = createMemoryStore();
    let nowMs = 1_000_000;
    const { pipeline, feedback } = open(store, bundle(tooLarge), () => nowMs, limits);
    const agent = new AgentStream('e1');
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), large)))]);
    const larger = body('a', { text: 'ü'.repeat(150) });
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), larger)))]);
    await pipeline.handle([item(agent, cutOf(agent.snapshot(configMap('a'))))]);
    nowMs += defaultPipelineLimits.fullRequestIntervalMs;
    await pipeline.housekeep();
    assert.equal(feedback.filter((each) => each.type === 'need-full').length, 1);
    await pipeline.close();
  });

  test('an audit event is rejected with its reason', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store, bundle(tooLarge), () => 1_800_000_000_000, limits);
    const agent = new AgentStream('e1');
    const event = JSON.stringify({ kind: 'Event', auditID: 'x', note: 'y'.repeat(500) });
    agent.send({ type: 'audit', digest: 'd', event, source: 'webhook' }).put(configMap('b'), body('b', {}));
    await pipeline.handle([item(agent, cutOf(agent))]);
    assert.deepEqual(
      store.batches.flatMap((batch) => batch.rejected.map(({ source, reason, bytes }) => [source, reason, bytes])),
      [['audit', 'too-large', event.length]],
    );
    assert.equal(versionsOf(store).length, 1);
    await pipeline.close();
  });
});
