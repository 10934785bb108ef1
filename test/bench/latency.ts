/**
 * From a change in the API server to its durable record and finding, readable in the timeline, under steady load: the
 * whole line with an agent process, gRPC, the collector and an embedded ClickHouse. The end is when a reader that looks
 * every 10 ms first sees the commit, so that up to 10 ms of each figure are the looking.
 *   node test/bench/latency.ts [--objects 3000] [--rate 200] [--seconds 25]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createTokenBook, loadSql, openCollector, parseConfig } from '@driftline/collector';
import type { Collector } from '@driftline/collector';
import { pino } from 'pino';
import { distribution } from './harness/measure.ts';
import { cpuUsOf, openAgentProcess, openApiServer } from './harness/processes.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '3000' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '25' },
  },
});
const objects = Number(values.objects);
const perSecond = Number(values.rate);
const seconds = Number(values.seconds);
const lookEveryMs = 10;
const token = 'bench-token-of-the-agent';
const committedSql = loadSql(import.meta.url, './sql/committed.sql');
const versionsSql = loadSql(import.meta.url, './sql/versions.sql');

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Looks at the newest commit and notes when each was first seen. */
class Looker {
  readonly seen: { readonly sequence: number; readonly atMs: number }[] = [];
  readonly #collector: Collector;
  #isLooking = true;
  readonly #done: Promise<void>;

  constructor(collector: Collector) {
    this.#collector = collector;
    this.#done = this.#look();
  }

  get newest(): number {
    return this.seen.at(-1)?.sequence ?? 0;
  }

  seenAtMs(sequence: number): number | undefined {
    return this.seen.find((one) => one.sequence >= sequence)?.atMs;
  }

  async stop(): Promise<void> {
    this.#isLooking = false;
    await this.#done;
  }

  async #look(): Promise<void> {
    const { reader } = this.#collector.parts.timeline;
    while (this.#isLooking) {
      const startedMs = performance.now();
      const [row] = await reader.all<{ sequence: number }>(committedSql, {});
      if (row !== undefined && row.sequence > this.newest) this.seen.push({ sequence: row.sequence, atMs: nowMs() });
      await sleep(Math.max(0, lookEveryMs - (performance.now() - startedMs)));
    }
  }
}

async function settled(looker: Looker, count: number): Promise<void> {
  let before = -1;
  while (looker.newest < count || looker.newest !== before) {
    before = looker.newest;
    await sleep(1_000);
  }
}

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const config = parseConfig({
    DRIFTLINE_DATA_DIR: join(folder, 'collector'),
    DRIFTLINE_LISTEN: '127.0.0.1:0',
    DRIFTLINE_ALLOW_PLAINTEXT: 'true',
  });
  const tokens = createTokenBook([{ token, cluster: 'measured', role: 'agent' }]);
  const collector = await openCollector({ config, tokens, logger: pino({ level: 'error' }) });
  const apiServer = await openApiServer(objects);
  const collectorPort = Number(collector.gatewayAddress?.split(':').at(-1));
  const agent = openAgentProcess({ apiServerUrl: apiServer.url, collectorPort, folder: join(folder, 'agent'), token });
  const looker = new Looker(collector);
  try {
    await settled(looker, objects);
    await apiServer.edit(perSecond * 2, perSecond);
    await settled(looker, looker.newest + 1);
    const after = looker.newest;
    const cpuBefore = { agent: cpuUsOf(agent.pid), collector: cpuUsOf(process.pid) };
    const made = await apiServer.edit(perSecond * seconds, perSecond);
    const cpu = {
      agent: cpuUsOf(agent.pid) - cpuBefore.agent,
      collector: cpuUsOf(process.pid) - cpuBefore.collector,
    };
    await settled(looker, after + made.size * 0.9);
    const versions = await collector.parts.timeline.reader.all<{
      sequence: number;
      resourceVersion: string;
      hasFinding: number;
    }>(versionsSql, { after });
    const changes = versions.flatMap(({ sequence, resourceVersion, hasFinding }) => {
      const madeAtMs = made.get(resourceVersion);
      const seenAtMs = looker.seenAtMs(sequence);
      if (madeAtMs === undefined || seenAtMs === undefined) return [];
      return [{ latencyMs: seenAtMs - madeAtMs, hasFinding: hasFinding === 1 }];
    });
    return { changes, made: made.size, cpu, commits: looker.seen.length };
  } finally {
    await agent.stop();
    await looker.stop();
    await apiServer.stop();
    await collector.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

await report('latency', async () => {
  const yardstick = openYardstick();
  const { changes, made, cpu, commits } = await measure();
  yardstick.again();
  const all = distribution(changes.map(({ latencyMs }) => latencyMs));
  const found = distribution(changes.filter(({ hasFinding }) => hasFinding).map(({ latencyMs }) => latencyMs));
  return {
    figures: {
      findingP50Ms: found.p50,
      findingP99Ms: found.p99,
      recordP50Ms: all.p50,
      recordP99Ms: all.p99,
      recordMaxMs: all.max,
      agentCoreShare: cpu.agent / 1e6 / seconds,
      collectorCoreShare: cpu.collector / 1e6 / seconds,
      yardstickUs: yardstick.us(),
    },
    ratios: {
      // Law 1 as a number: what was made is there.
      recordedOfMade: { value: changes.length / made, better: 'higher', limit: 1 },
      p99OverP50: { value: found.p99 / found.p50, better: 'lower', tolerance: 3 },
    },
    bars: { findingP99Ms: { bar: 1_000, goal: 250, better: 'lower' } },
    conditions: {
      objects,
      perSecond,
      seconds,
      changesMade: made,
      withFindings: changes.filter(({ hasFinding }) => hasFinding).length,
      commits,
    },
  };
});
