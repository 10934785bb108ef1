/**
 * What anti-entropy costs: an agent that lost all its state meets a collector that knows the cluster. Bytes on the wire
 * in both directions, as a TCP proxy between the two counts them, and messages; for a cluster in which nothing changed
 * meanwhile, and for some that differ in k objects.
 *   node test/bench/reconcile.ts [--objects 50000] [--different 10,100,1000]
 */
import { parseArgs } from 'node:util';
import { memoryBindings } from '../../collector/src/ingest/testing/memory-bindings.ts';
import { openRecordingProxy } from '../fakes/embedded/recording-proxy.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import { openSmallCollector, tokenOf } from '../fakes/small-collector.ts';
import { report } from './harness/report.ts';
import { edited, listed, reconcile } from './world/compared-agent.ts';
import type { Listed } from './world/compared-agent.ts';
import { worldOf } from './world/objects.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '50000' },
    different: { type: 'string', default: '10,100,1000' },
  },
});
const objects = Number(values.objects);
const differences = values.different.split(',').map(Number);
/** What is asked for 50,000 unchanged objects. */
const askedBytes = 64 * 1_024;

const bytesOf = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

await report('reconcile', async () => {
  const store = createMemoryStore();
  const cluster = 'measured';
  const collector = await openSmallCollector({ store, bindings: memoryBindings(), port: 0, clusters: [cluster] });
  const meet = async (all: readonly Listed[]) => {
    const proxy = await openRecordingProxy(collector.gateway.port);
    const versionsBefore = store.batches.reduce((sum, { versions }) => sum + versions.length, 0);
    const startedMs = cpuMs();
    const { messages } = await reconcile(all, { port: proxy.port, token: tokenOf(cluster) });
    const tookMs = cpuMs() - startedMs;
    const up = bytesOf(proxy.sent());
    const down = bytesOf(proxy.received());
    await proxy.close();
    const versions = store.batches.reduce((sum, batch) => sum + batch.versions.length, 0) - versionsBefore;
    return { up, down, bytes: up + down, messages, versions, tookMs };
  };
  try {
    let all: readonly Listed[] = worldOf(objects).map(listed);
    const first = await meet(all);
    const unchanged = await meet(all);
    const different: (Awaited<ReturnType<typeof meet>> & { readonly k: number })[] = [];
    for (const k of differences) {
      const step = Math.max(1, Math.floor(all.length / k));
      all = all.map((each, i) => (i % step === 0 && i / step < k ? edited(each, `${k}`) : each));
      different.push({ k, ...(await meet(all)) });
    }
    const most = different.at(-1);
    if (most === undefined) throw new Error('no differences were asked for');
    return {
      figures: {
        unchangedBytes: unchanged.bytes,
        unchangedBytesUp: unchanged.up,
        unchangedMessages: unchanged.messages,
        unchangedCpuMs: unchanged.tookMs,
        firstBytes: first.bytes,
        ...Object.fromEntries(different.map(({ k, bytes }) => [`different${k}Bytes`, bytes])),
        ...Object.fromEntries(different.map(({ k, messages }) => [`different${k}Messages`, messages])),
      },
      ratios: {
        unchangedOverAsked: { value: unchanged.bytes / askedBytes, better: 'lower', limit: 1 },
        unchangedOverFirst: { value: unchanged.bytes / first.bytes, better: 'lower', limit: 0.05 },
        messagesPerDifference: {
          value: (most.messages - unchanged.messages) / most.k,
          better: 'lower',
          tolerance: 1.2,
          limit: 2,
        },
        recordedPerDifference: { value: most.versions / most.k, better: 'lower', limit: 1 },
      },
      bars: { unchangedBytes: { bar: askedBytes, goal: askedBytes, better: 'lower' } },
      conditions: {
        objects,
        kinds: new Set(all.map(({ kind }) => kind.resource)).size,
        bytesPerDifference: different.map(({ k, bytes }) => Math.round((bytes - unchanged.bytes) / k)),
        versions: {
          first: first.versions,
          unchanged: unchanged.versions,
          different: different.map((each) => each.versions),
        },
      },
    };
  } finally {
    await collector.close();
  }
});
