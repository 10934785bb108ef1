/**
 * A store that cannot be reached, hangs, refuses, or answers with an error after it has committed, for reading and for
 * writing, for longer than anybody would wait by hand: the line only waits, the agent is held back, memory stays within
 * the bus's bounds, and when the store is back every record is there exactly once (laws 1, 3 and 7).
 */
import {
  createMetrics,
  defaultMemoryBusLimits,
  defaultPipelineLimits,
  openClusterJudge,
  openMemoryBus,
  openPipeline,
  openTimeline,
  openTimelineReader,
  openTimelineWriter,
  timelineRecovery,
  verifyChain,
} from '@driftline/collector';
import type { Feedback } from '@driftline/collector';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFaultyProxy } from '../../collector/src/timeline/testing/faulty-proxy.ts';
import type { Fault, FaultyProxy } from '../../collector/src/timeline/testing/faulty-proxy.ts';
import { openTestStore } from '../../collector/src/timeline/testing/open-test-store.ts';
import type { TestStore } from '../../collector/src/timeline/testing/open-test-store.ts';
import { storedContent } from '../../collector/src/timeline/testing/stored-content.ts';
import { AgentStream } from '../fakes/agent-stream.ts';
import { until } from '../fakes/embedded/process.ts';
import { body, bundle, configMap, cutOf, item, logger, stream, tooLarge } from '../law/pipeline-rig.ts';

let store: TestStore;
let proxy: FaultyProxy;
before(async () => {
  store = await openTestStore();
  proxy = await openFaultyProxy(store.connection.url);
});
after(async () => {
  proxy.release();
  await proxy.close();
  await store.close();
});

const openLine = async () => {
  const connection = { ...store.connection, url: proxy.url };
  const reader = openTimelineReader(connection);
  const metrics = createMetrics();
  const nowUs = (): number => Date.now() * 1_000;
  const retry = { firstBackoffMs: 1, maxBackoffMs: 10 };
  const onFailure = (outcome: 'retryable' | 'refused'): void => metrics.storeFailures.inc({ outcome });
  const writer = await openTimelineWriter({ connection, logger, nowUs, retry, onFailure });
  const bus = openMemoryBus({ ...defaultMemoryBusLimits, clusterQueueBytes: 8_000, clusterInFlightBytes: 8_000 });
  const limits = { ...defaultPipelineLimits, housekeepingIntervalMs: 20, recoveryRetryMs: 1, recoveryRetryMaxMs: 10 };
  const pipeline = openPipeline({
    writer,
    recovery: timelineRecovery(reader),
    feedback: bus.reader,
    openJudge: (id, inventory, before) =>
      openClusterJudge({ bundle: bundle(tooLarge), onFailure: () => {} }, id, inventory, before),
    limits,
    metrics,
    logger,
    now: Date.now,
  });
  const feedback: Feedback[] = [];
  bus.writer.onFeedback((each) => feedback.push(each));
  const running = bus.reader.run(pipeline);
  const close = async (): Promise<void> => {
    await bus.reader.close();
    await running;
    await pipeline.close();
    await writer.close();
    await reader.close();
  };
  return { bus, pipeline, feedback, metrics, close };
};

const total = async (metric: { get(): Promise<{ values: readonly { value: number }[] }> }): Promise<number> =>
  (await metric.get()).values.reduce((sum, { value }) => sum + value, 0);

const names = Array.from({ length: 7 }, (_, at) => `object-${at}`);
const changes = 80;

test('an outage of any kind, longer than any number of attempts, only delays', async () => {
  const agent = new AgentStream('e1');
  const batches = Array.from({ length: changes }, (_, at) => {
    const name = names[at % names.length]!;
    return item(agent, cutOf(agent.put(configMap(name), body(name, { size: at % 9, at, text: 'x'.repeat(200) }))));
  });
  const line = await openLine();
  const { bus, feedback, metrics } = line;
  const recorded = (): number => Math.max(0, ...feedback.map((each) => (each.type === 'recorded' ? each.sequence : 0)));

  // Away before the first batch: the cluster's memory cannot be built.
  proxy.readFault = () => 'cut-before';
  proxy.fault = () => 'cut-before';
  let published = 0;
  const publishing = (async () => {
    for (const each of batches) {
      await bus.writer.publish(each);
      published += 1;
    }
  })();
  await until(async () => (await total(metrics.recoveryFailures)) > 20, 'twenty attempts to build the memory');
  assert.equal(recorded(), 0);
  assert.ok(published < changes / 2, `the agent is held back, ${published} batches are in memory`);

  // Readable, but not writable: errors, refusals, and answers that get lost after the store has done it.
  proxy.readFault = () => 'none';
  const faults: readonly Fault[] = ['overloaded', 'cut-within', 'refused', 'lost-refusal', 'cut-after', 'lost-answer'];
  let asked = 0;
  proxy.fault = () => faults[asked++ % faults.length]!;
  await until(async () => (await total(metrics.storeFailures)) > 60, 'sixty failed inserts');
  // One that hangs, until its connection ends.
  proxy.fault = () => 'hung';
  await sleep(200);
  proxy.fault = () => 'none';
  proxy.release();

  await publishing;
  await until(() => recorded() === changes, 'everything is recorded');
  await line.close();
  const acknowledged = feedback.flatMap((each) => (each.type === 'recorded' ? [each.sequence] : []));
  assert.deepEqual(
    acknowledged,
    acknowledged.toSorted((a, b) => a - b),
  );
  const { resource_versions: versions = [] } = await storedContent(store.reader, stream);
  assert.equal(versions.length, changes);
  const verdict = await verifyChain(store.reader, stream);
  assert.equal(verdict.verdict, 'intact');
  const rows = await store.reader.all<{ sequence: number }>(
    { name: 'sequences', text: 'SELECT sequence FROM resource_versions ORDER BY sequence' },
    {},
  );
  assert.deepEqual(
    rows.map(({ sequence }) => sequence),
    batches.map(({ batch }) => batch.firstSequence),
  );
});

test('a collector that is told to stop while the store is away stops, and acknowledges nothing', async () => {
  const line = await openLine();
  const agent = new AgentStream('e2', 1_700_000_100_000_000);
  proxy.fault = () => 'refused';
  await line.bus.writer.publish(item(agent, cutOf(agent.put(configMap('late'), body('late', {})))));
  await until(async () => (await total(line.metrics.storeFailures)) > 3, 'the store refuses');
  await line.pipeline.abandon();
  await assert.rejects(line.close(), { code: 'closed' });
  proxy.fault = () => 'none';
  assert.deepEqual(
    line.feedback.filter((each) => each.type === 'recorded'),
    [],
  );
});

describe('a collector that starts while its store is away', () => {
  const opening = (signal?: AbortSignal) => {
    const outcomes: string[] = [];
    const opened = openTimeline({
      settings: { mode: 'external', connection: { ...store.connection, url: proxy.url } },
      dataDir: '',
      logger,
      nowUs: () => Date.now() * 1_000,
      onWriteFailure: (outcome) => outcomes.push(outcome),
      signal,
    });
    return { opened, outcomes };
  };

  test('waits, whatever the store does, and begins when it can be used', async () => {
    const ways: readonly Fault[] = ['cut-before', 'refused', 'overloaded', 'lost-answer'];
    let asked = 0;
    proxy.readFault = () => ways[asked++ % ways.length]!;
    const { opened, outcomes } = opening();
    await until(() => outcomes.length > 4, 'five attempts');
    assert.deepEqual([...new Set(outcomes)].sort(), ['refused', 'retryable']);
    proxy.readFault = () => 'none';
    const timeline = await opened;
    assert.ok((await timeline.recovery.clusters()).length > 0, 'what was recorded before is there');
    await timeline.close();
  });

  test('is told to stop, and stops, whether the store refuses or hangs', async () => {
    for (const way of ['refused', 'hung'] as const) {
      let asked = 0;
      proxy.readFault = () => (asked++, way);
      const stopping = new AbortController();
      const { opened } = opening(stopping.signal);
      await until(() => asked > 0, 'it has asked');
      stopping.abort();
      await assert.rejects(opened, { code: 'closed' });
    }
    proxy.readFault = () => 'none';
    proxy.release();
  });
});
