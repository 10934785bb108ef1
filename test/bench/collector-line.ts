/**
 * Changes per second that one core of the collector takes through the whole line: decode → apply → judge → correlate →
 * record, into an embedded ClickHouse, with the whole library. The core is counted as CPU time of the collector's own
 * process, garbage collection included; ClickHouse is another process. Each stage's share is measured by itself over
 * the same batches.
 *   node test/bench/collector-line.ts [--objects 5000] [--changes 20000] [--batch 100]
 */
import { parseArgs } from 'node:util';
import { createCorrelator, createMetrics, defaultPipelineLimits, openClusterJudge } from '@driftline/collector';
import type { ClusterJudge, ClusterMemory, PolicyBundle } from '@driftline/collector';
import type { Batch } from '@driftline/proto';
import { streamOf } from '../../collector/src/cluster-memory.ts';
import { decode } from '../../collector/src/ingest/decode.ts';
import { createInventory } from '../../collector/src/inventory/inventory.ts';
import { prepare } from '../../collector/src/prepare.ts';
import { cpuUs } from './harness/measure.ts';
import { cluster, countOf, itemOf, openLine, readBundle, stream } from './harness/open-line.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';
import { CapturedStream } from './world/captured-stream.ts';
import { livingWorld } from './world/edits.ts';
import { worldOf } from './world/objects.ts';
import { createRandom } from './world/random.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '5000' },
    changes: { type: 'string', default: '20000' },
    batch: { type: 'string', default: '100' },
  },
});
const objects = Number(values.objects);
const changes = Number(values.changes);
const messagesPerBatch = Number(values.batch);
const changesPerAudit = 4;

type Traffic = {
  readonly first: readonly Batch[];
  readonly warmUp: readonly Batch[];
  readonly measured: readonly Batch[];
};

function makeTraffic(): Traffic {
  const random = createRandom(11);
  const initial = worldOf(objects);
  const world = livingWorld(initial, random);
  const agent = new CapturedStream();
  const first = agent.list(initial, messagesPerBatch);
  const size = { messagesPerBatch, changesPerAudit };
  const warmUp = agent.edits(world, random, { ...size, changes: Math.ceil(changes / 3) });
  return { first, warmUp, measured: agent.edits(world, random, { ...size, changes }) };
}

const fail = (): never => {
  throw new Error('the line refused its input');
};
const nothing = (): undefined => undefined;
const idleJudge = {
  begin: nothing,
  change: nothing,
  coverage: nothing,
  deadline: nothing,
  nextDeadlineMs: nothing,
  scores: nothing,
  scoresDueMs: nothing,
  changes: { change: nothing, link: nothing },
} as unknown as ClusterJudge;
const idleCorrelator = {
  ...createCorrelator(defaultPipelineLimits.correlator),
  change: () => [],
  audit: () => [],
  knows: () => false,
};

/** Microseconds of CPU that the measured batches take in a memory with these parts, without a store. */
function prepareUs(
  traffic: Traffic,
  { bundle, isCorrelating = false }: { readonly bundle?: PolicyBundle; readonly isCorrelating?: boolean },
): number {
  const limits = defaultPipelineLimits;
  const inventory = createInventory(limits.inventory);
  const before = { findings: [], posture: [], recentPosture: [], unjudged: [], coverage: [], openVerdicts: [] };
  const judge =
    bundle === undefined ? idleJudge : openClusterJudge({ bundle, onFailure: fail }, cluster, inventory, before);
  const correlator = isCorrelating ? createCorrelator(limits.correlator) : idleCorrelator;
  const own = {
    epoch: '',
    nextSequence: 1,
    recordedSequence: 0,
    seenFromStart: true,
    lastObservedUs: 0,
    lastAudit: undefined,
    resendAskedAtMs: 0,
  };
  const streams = new Map();
  const parts = { id: cluster, inventory, judge, correlator, streams, own };
  const memory: ClusterMemory = { ...parts, wanted: new Map(), isAuditWatched: false };
  streamOf(memory, stream.epoch);
  const deps = { limits, metrics: createMetrics(), onFailure: fail, onPostureFailure: fail, onUndecodable: fail };
  const take = (batches: readonly Batch[]): void => {
    for (const batch of batches) {
      const admission = { type: 'admitted' as const, fromSequence: batch.firstSequence, missing: undefined };
      prepare(deps, memory, itemOf(batch), admission);
    }
  };
  take(traffic.first);
  take(traffic.warmUp);
  return timed(() => take(traffic.measured));
}

function timed(work: () => void): number {
  const before = cpuUs();
  work();
  return cpuUs() - before;
}

/** The whole line with a store: microseconds of CPU and milliseconds of time for the measured batches. */
async function measureLine(traffic: Traffic, bundle: PolicyBundle) {
  const line = await openLine(bundle);
  try {
    await line.send(traffic.first);
    await line.send(traffic.warmUp);
    const { transitions, links } = line.metrics;
    const transitionsBefore = await countOf(transitions);
    const startedMs = performance.now();
    const cpuBefore = cpuUs();
    await line.send(traffic.measured);
    const lineUs = cpuUs() - cpuBefore;
    const lineMs = performance.now() - startedMs;
    return {
      lineUs,
      lineMs,
      transitions: (await countOf(transitions)) - transitionsBefore,
      links: await countOf(links),
    };
  } finally {
    await line.close();
  }
}

await report('collector-line', async () => {
  const yardstick = openYardstick();
  const bundle = await readBundle();
  const traffic = makeTraffic();
  const decodeUs = timed(() => traffic.measured.forEach((batch) => decode(batch, defaultPipelineLimits)));
  const applyUs = prepareUs(traffic, {});
  const correlateUs = prepareUs(traffic, { isCorrelating: true });
  // Unmeasured, so that the line runs on warm code, as in a collector that has been up for a while.
  prepareUs(traffic, { isCorrelating: true, bundle });
  yardstick.again();
  const { lineUs, lineMs, transitions, links } = await measureLine(traffic, bundle);
  const allUs = prepareUs(traffic, { isCorrelating: true, bundle });
  yardstick.again();
  const perChange = (us: number): number => us / changes;
  return {
    figures: {
      changesPerCoreSecond: (changes / lineUs) * 1e6,
      changesPerSecond: (changes / lineMs) * 1e3,
      wholeLineUs: perChange(lineUs),
      decodeUs: perChange(decodeUs),
      applyUs: perChange(applyUs - decodeUs),
      correlateUs: perChange(correlateUs - applyUs),
      judgeUs: perChange(allUs - correlateUs),
      recordUs: perChange(lineUs - allUs),
      yardstickUs: yardstick.us(),
    },
    ratios: { changeInYardsticks: { value: perChange(lineUs) / yardstick.us(), better: 'lower' } },
    bars: { changesPerCoreSecond: { bar: 3_000, goal: 10_000, better: 'higher' } },
    conditions: {
      objects,
      changes,
      messagesPerBatch,
      audits: Math.floor(changes / changesPerAudit),
      transitionsPerChange: transitions / changes,
      links,
      controls: bundle.controls.length,
    },
  };
});
