/** The collector's line in this process, with an embedded ClickHouse in a folder of its own, and the whole library. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMetrics,
  defaultPipelineLimits,
  openClusterJudge,
  openMemoryBus,
  openPipeline,
  openTimeline,
} from '@driftline/collector';
import type { CollectorMetrics, PolicyBundle, StreamBatch, Timeline } from '@driftline/collector';
import type { Batch } from '@driftline/proto';
import { pino } from 'pino';
import { readLibrary } from '../../../policy/library/read-library.ts';

export const cluster = { tenant: 'default', cluster: 'measured' };
export const stream = { ...cluster, epoch: 'e1' };
export const itemOf = (batch: Batch): StreamBatch => ({ stream, oldestSequence: 1, batch });

export async function readBundle(): Promise<PolicyBundle> {
  const loaded = await readLibrary();
  if (!loaded.ok) throw new Error('the library does not load');
  return { controls: loaded.bundle.controls.map(({ control }) => control), version: loaded.bundle.version };
}

export type Line = {
  readonly timeline: Timeline;
  readonly metrics: CollectorMetrics;
  /** Resolves when the batches, which follow those before, are recorded. */
  send(batches: readonly Batch[]): Promise<void>;
  close(): Promise<void>;
};

export async function openLine(bundle: PolicyBundle): Promise<Line> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const logger = pino({ level: 'error' });
  const nowUs = (): number => Date.now() * 1_000;
  const timeline = await openTimeline({ settings: { mode: 'embedded' }, dataDir, logger, nowUs });
  const bus = openMemoryBus();
  const metrics = createMetrics();
  const pipeline = openPipeline({
    writer: timeline.writer,
    recovery: timeline.recovery,
    feedback: bus.reader,
    openJudge: (id, inventory, before) => openClusterJudge({ bundle, onFailure: () => {} }, id, inventory, before),
    limits: defaultPipelineLimits,
    metrics,
    logger,
    now: Date.now,
  });
  const running = bus.reader.run(pipeline);
  let awaited = { sequence: 0, isRecorded: Promise.withResolvers<void>() };
  bus.writer.onFeedback((feedback) => {
    if (feedback.type === 'recorded' && feedback.sequence >= awaited.sequence) awaited.isRecorded.resolve();
  });
  return {
    timeline,
    metrics,
    async send(batches) {
      awaited = { sequence: batches.at(-1)?.lastSequence ?? 0, isRecorded: Promise.withResolvers<void>() };
      for (const batch of batches) await bus.writer.publish(itemOf(batch));
      await Promise.race([awaited.isRecorded.promise, running]);
    },
    async close() {
      await bus.reader.close();
      await running;
      await pipeline.close();
      await timeline.close();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

export async function countOf(counter: { get(): Promise<{ values: readonly { value: number }[] }> }): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}
