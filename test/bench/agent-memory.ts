/**
 * Resident memory and CPU of the agent, as a process of its own, watching clusters of growing size and shipping to a
 * collector that acknowledges at once; then how many changes a second one core takes from the watch to the wire.
 * Then its share of a core at a steady rate of changes, when one is given. The collector begins with nothing, asks for
 * every kind and agrees from then on. Once more with one that answers no digest, and that then goes away: every kind is
 * in doubt all the time, and what changes is sent whole first.
 *   node test/bench/agent-memory.ts [--objects 1000,10000,20000] [--changes 6000] [--steady-per-second 50]
 *     [--unanswered 20000]      objects of that last part, 0 for none
 *     [--large]                 100 000 objects too: some minutes more
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openScriptedCollector } from '../../agent/src/uplink/scripted-collector.ts';
import { answerDigests } from '../fakes/scripted-verdicts.ts';
import {
  type AgentProcess,
  type ApiServer,
  agentAllocator,
  agentNodeFlags,
  cpuUsOf,
  memoryOf,
  openAgentProcess,
  openApiServer,
} from './harness/processes.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '1000,10000,20000' },
    changes: { type: 'string', default: '6000' },
    'steady-per-second': { type: 'string', default: '50' },
    unanswered: { type: 'string', default: '20000' },
    large: { type: 'boolean', default: false },
  },
});
const sizes = values.objects.split(',').map(Number);
const changes = Number(values.changes);
const steadyPerSecond = Number(values['steady-per-second']);
const unanswered = Number(values.unanswered);
const steadySeconds = 20;
const largeObjects = 100_000;
const mebibyte = 1_024 * 1_024;
/** What is asked of resident memory: 150 and 130 MB up to 20 000 objects, 350 MB beyond, in MiB. */
const memoryBar = (objects: number) => (objects <= 20_000 ? { bar: 143, goal: 124 } : { bar: 334, goal: 334 });

/** Acknowledges what comes; `received` is the newest sequence. */
async function openTaker(answers: typeof answerDigests = answerDigests) {
  const taken = { received: 0, bytes: 0 };
  const collector = await openScriptedCollector({
    onHello: (stream) => stream.welcome(0, { creditBytes: 2 ** 30, heartbeatIntervalMs: 10_000 }),
    onBatch(stream, batch) {
      taken.received = batch.lastSequence;
      taken.bytes += batch.payload.byteLength;
      answers(stream, batch);
      stream.batches.length = 0;
      stream.ack(batch.lastSequence);
    },
  });
  return { port: collector.port, taken, close: () => collector.close() };
}

/** Waits until at least `count` messages have come and nothing more does. */
async function settled(taken: { readonly received: number }, count: number): Promise<void> {
  let before = -1;
  while (taken.received < count || taken.received !== before) {
    before = taken.received;
    await sleep(500);
  }
}

/** Share of one core that the agent takes while changes come at the steady rate. */
async function shareOfCore(apiServer: ApiServer, agent: AgentProcess): Promise<number> {
  const cpuBefore = cpuUsOf(agent.pid);
  const startedMs = performance.now();
  await apiServer.edit(steadyPerSecond * steadySeconds, steadyPerSecond);
  return (cpuUsOf(agent.pid) - cpuBefore) / 1_000 / (performance.now() - startedMs);
}

/** Waits until a process has had nothing to do for two seconds. */
async function idle(pid: number): Promise<void> {
  for (let restedSeconds = 0; restedSeconds < 2; ) {
    const before = cpuUsOf(pid);
    await sleep(1_000);
    restedSeconds = cpuUsOf(pid) - before < 100_000 ? restedSeconds + 1 : 0;
  }
}

/** Resident bytes of an agent whose digests nobody answers, and then when nobody is there, after changes in each case. */
async function measureUnanswered(objects: number) {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const apiServer = await openApiServer(objects);
  const taker = await openTaker(() => undefined);
  let isTaking = true;
  const agent = openAgentProcess({ apiServerUrl: apiServer.url, collectorPort: taker.port, folder });
  try {
    await settled(taker.taken, 1);
    await idle(agent.pid);
    const { received } = taker.taken;
    await apiServer.edit(changes, 0);
    await settled(taker.taken, received + changes * 0.9);
    const { residentBytes } = memoryOf(agent.pid);
    await taker.close();
    isTaking = false;
    await apiServer.edit(changes, 0);
    await idle(agent.pid);
    return { residentBytes, awayBytes: memoryOf(agent.pid).residentBytes };
  } finally {
    await agent.stop();
    if (isTaking) await taker.close();
    await apiServer.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function measure(objects: number) {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const apiServer = await openApiServer(objects);
  const taker = await openTaker();
  const agent = openAgentProcess({ apiServerUrl: apiServer.url, collectorPort: taker.port, folder });
  try {
    await settled(taker.taken, objects);
    const startCpuUs = cpuUsOf(agent.pid);
    await sleep(2_000);
    const atRest = memoryOf(agent.pid);
    const { received, bytes } = taker.taken;
    const cpuBefore = cpuUsOf(agent.pid);
    const startedMs = performance.now();
    await apiServer.edit(changes, 0);
    await settled(taker.taken, received + changes * 0.9);
    const tookMs = performance.now() - startedMs;
    const editUs = cpuUsOf(agent.pid) - cpuBefore;
    const shipped = taker.taken.received - received;
    const afterEdits = memoryOf(agent.pid);
    const coreShare = await shareOfCore(apiServer, agent);
    return {
      objects,
      startCpuUs,
      atRest,
      afterEdits,
      coreShare,
      editUsPerChange: editUs / shipped,
      wireBytesPerChange: (taker.taken.bytes - bytes) / shipped,
      changesPerSecond: (shipped / tookMs) * 1_000,
    };
  } finally {
    await agent.stop();
    await taker.close();
    await apiServer.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

await report('agent-memory', async () => {
  const yardstick = openYardstick();
  const measured: Awaited<ReturnType<typeof measure>>[] = [];
  for (const size of sizes) measured.push(await measure(size));
  const large = values.large ? [await measure(largeObjects)] : [];
  const doubted = unanswered === 0 ? undefined : await measureUnanswered(unanswered);
  yardstick.again();
  const first = measured[0];
  const last = measured.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('no sizes');
  const figures = [...measured, ...large].flatMap(({ objects, atRest, afterEdits, startCpuUs, editUsPerChange }) => [
    [`at${objects}ResidentMebibytes`, atRest.residentBytes / mebibyte],
    [`at${objects}AfterEditsMebibytes`, afterEdits.residentBytes / mebibyte],
    [`at${objects}PeakMebibytes`, afterEdits.peakBytes / mebibyte],
    [`at${objects}StartCpuMs`, startCpuUs / 1_000],
    [`at${objects}UsPerChange`, editUsPerChange],
  ]);
  const inDoubt: Record<string, number> =
    doubted === undefined
      ? {}
      : {
          [`at${unanswered}UnansweredMebibytes`]: doubted.residentBytes / mebibyte,
          [`at${unanswered}AwayMebibytes`]: doubted.awayBytes / mebibyte,
        };
  return {
    figures: {
      ...(Object.fromEntries(figures) as Record<string, number>),
      ...inDoubt,
      changesPerCoreSecond: 1e6 / last.editUsPerChange,
      steadyCorePercent: last.coreShare * 100,
      wireBytesPerChange: last.wireBytesPerChange,
      yardstickUs: yardstick.us(),
    },
    ratios: {
      memoryLargestOverSmallest: { value: last.atRest.residentBytes / first.atRest.residentBytes, better: 'lower' },
      changeInYardsticks: { value: last.editUsPerChange / yardstick.us(), better: 'lower' },
    },
    bars: {
      ...Object.fromEntries(
        [last, ...large].flatMap(({ objects }) =>
          ['Resident', 'AfterEdits'].map((when) => [
            `at${objects}${when}Mebibytes`,
            { ...memoryBar(objects), better: 'lower' as const },
          ]),
        ),
      ),
      ...Object.fromEntries(
        Object.keys(inDoubt).map((figure) => [figure, { ...memoryBar(unanswered), better: 'lower' as const }]),
      ),
      changesPerCoreSecond: { bar: 2_000, goal: 5_000, better: 'higher' },
      steadyCorePercent: { bar: 5, goal: 2, better: 'lower' },
    },
    conditions: { changes, steadyPerSecond, nodeFlags: agentNodeFlags, allocator: agentAllocator },
  };
});
