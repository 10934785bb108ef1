/** A gateway and a pipeline in this process, with a timeline in memory and no controls: the collector's line without ClickHouse. */
import {
  createMetrics,
  createTokenBook,
  defaultIngestLimits,
  defaultPipelineLimits,
  openClusterJudge,
  openGateway,
  openMemoryBus,
  openPipeline,
} from '@driftline/collector';
import type { CollectorMetrics, Gateway, GatewayDeps, Pipeline } from '@driftline/collector';
import { pino } from 'pino';
import type { MemoryStore } from './memory-timeline.ts';
import { openMemoryTimeline } from './memory-timeline.ts';

export type SmallCollector = {
  readonly gateway: Gateway;
  readonly pipeline: Pipeline;
  readonly metrics: CollectorMetrics;
  close(): Promise<void>;
};

export type SmallCollectorOptions = {
  readonly store: MemoryStore;
  readonly bindings: GatewayDeps['bindings'];
  /** 0 for a free one. */
  readonly port: number;
  /** Names of the clusters that may stream. */
  readonly clusters?: readonly string[];
  readonly limits?: Partial<GatewayDeps['limits']>;
};

export const tokenOf = (cluster: string): string => `agent-token-of-the-cluster-${cluster}`;

export async function openSmallCollector(options: SmallCollectorOptions): Promise<SmallCollector> {
  const { store, bindings, port, clusters = ['small'] } = options;
  const logger = pino({ level: 'silent' });
  const bus = openMemoryBus();
  const timeline = openMemoryTimeline(store);
  const metrics = createMetrics();
  const pipeline = openPipeline({
    writer: timeline,
    recovery: timeline,
    feedback: bus.reader,
    openJudge: (cluster, inventory, before) =>
      openClusterJudge({ bundle: { controls: [], version: 'none' }, onFailure: () => {} }, cluster, inventory, before),
    limits: defaultPipelineLimits,
    metrics,
    logger,
    now: Date.now,
  });
  const running = bus.reader.run(pipeline);
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port, allowPlaintext: false },
    tokens: createTokenBook(clusters.map((cluster) => ({ token: tokenOf(cluster), cluster, role: 'agent' }))),
    bus: bus.writer,
    watermark: (stream) => timeline.watermark(stream),
    bindings,
    limits: { ...defaultIngestLimits, ...options.limits },
    metrics,
    logger,
    now: Date.now,
  });
  return {
    gateway,
    pipeline,
    metrics,
    async close() {
      await gateway.close();
      await bus.reader.close();
      await running;
      await pipeline.close();
    },
  };
}
