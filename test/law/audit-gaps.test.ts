/** Complete or confessed holds for audit events, too, which are handed over later than they happen (law 1). */
import { auditReachUs } from '@driftline/proto';
import type { MessageBody } from '@driftline/proto';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import { body, configMap, cutOf, gapsOf, item, open } from './pipeline-rig.ts';

const auditIs = (state: 'watched' | 'excluded'): MessageBody => ({
  type: 'coverage',
  group: 'audit.k8s.io',
  resource: 'events',
  kind: 'Event',
  state,
  reason: '',
});

const auditAt = (happenedAtUs: number): MessageBody => {
  const at = new Date(happenedAtUs / 1000).toISOString();
  const event = { auditID: at, level: 'Metadata', stage: 'ResponseComplete', verb: 'get', user: { username: 'eve' } };
  const text = JSON.stringify({ ...event, requestReceivedTimestamp: at, stageTimestamp: at });
  return { type: 'audit', digest: at, event: text, source: 'log' };
};

const epochStart = (toUs: number): MessageBody => ({
  type: 'gap',
  group: '',
  resource: '',
  fromVersion: '',
  toVersion: '',
  fromUs: 0,
  toUs,
  cause: 'epoch_start',
  detail: '',
  fromSequence: 0,
  toSequence: 0,
});

describe('audit events that never came', () => {
  const minutesUs = 60_000_000;
  // A log can be read late; a webhook is as late as the API server's tries at most.
  for (const [late, lateUs] of [
    ['as they happen', 0],
    ['50 minutes late', 50 * minutesUs],
  ] as const) {
    for (const hasRestart of [false, true]) {
      const restarted = hasRestart ? ', and the collector restarted' : '';
      test(`an agent that lost its state had read events ${late}${restarted}: their gap begins as much earlier`, async () => {
        const store = createMemoryStore();
        let { pipeline } = open(store);
        const agent = new AgentStream('e1').send(auditIs('watched')).put(configMap('a'), body('a', {}));
        agent.send(auditAt(agent.nowUs - lateUs));
        const recorded = cutOf(agent);
        await pipeline.handle([item(agent, recorded)]);
        const heardUs = store.batches[0]?.audits[0]?.observedAtUs ?? 0;
        if (hasRestart) {
          await pipeline.close();
          ({ pipeline } = open(store));
        }
        // It is handed events before it has looked at the cluster.
        const next = new AgentStream('e2', heardUs + minutesUs, 1_000).send(auditIs('watched'));
        next.send(auditAt(next.nowUs)).send(epochStart(next.nowUs));
        await pipeline.handle([item(next, cutOf(next))]);
        const [everything, events, ...others] = gapsOf(store);
        assert.deepEqual([everything?.resource, everything?.fromUs, others], ['', heardUs, []]);
        assert.deepEqual([events?.group, events?.resource, events?.cause], ['audit.k8s.io', 'events', 'epoch_start']);
        const happenedUs = store.batches[0]?.audits[0]?.happenedAtUs ?? 0;
        assert.equal(events?.fromUs, Math.min(heardUs - auditReachUs, happenedUs));
        assert.equal(events.toUs, everything?.toUs);
        await pipeline.close();
      });
    }
  }

  const withHole = async (state: 'watched' | 'excluded') => {
    const store = createMemoryStore();
    const { pipeline } = open(store);
    const agent = new AgentStream('e1').send(auditIs(state));
    await pipeline.handle([item(agent, cutOf(agent))]);
    const heardUs = store.batches[0]?.coverage[0]?.observedAtUs ?? 0;
    cutOf(agent.wait(minutesUs).send(auditAt(heardUs)));
    agent.release(2);
    await pipeline.handle([item(agent, cutOf(agent.put(configMap('c'), body('c', {}))))]);
    await pipeline.close();
    return { heardUs, gaps: gapsOf(store).map((gap) => [gap.resource, gap.cause, gap.fromUs, gap.fromSequence]) };
  };

  test('sequences that the spool let go or lost held events that had happened before the last message', async () => {
    const { heardUs, gaps } = await withHole('watched');
    assert.deepEqual(gaps, [
      ['', 'sequence_hole', heardUs, 2],
      ['events', 'sequence_hole', heardUs - auditReachUs, 2],
    ]);
  });

  test('where none are collected, none are missing', async () => {
    const { heardUs, gaps } = await withHole('excluded');
    assert.deepEqual(gaps, [['', 'sequence_hole', heardUs, 2]]);
  });
});
