/**
 * A fixed set of schedules: every kind of fault that takes seconds, alone and with others, on clusters with and without a
 * watch cache. Each prints how to run it again.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openWitnessedCluster } from './cluster.ts';
import type { WitnessedCluster } from './cluster.ts';
import type { FaultName } from './faults.ts';
import { runSchedule } from './run-schedule.ts';
import { planSchedule } from './schedule.ts';

const minWrites = 300;
const stepsPerTrack = 2;

const schedules: readonly { readonly seed: number; readonly faults: readonly FaultName[] }[] = [
  { seed: 1, faults: ['kill-agent', 'kill-collector'] },
  { seed: 2, faults: ['kill-apiserver', 'kill-agent'] },
  { seed: 3, faults: ['cut-api', 'break-api', 'slow-api'] },
  { seed: 4, faults: ['cut-collector', 'stall-collector', 'break-collector'] },
  { seed: 5, faults: ['tear-spool', 'fill-disk', 'term-agent'] },
  { seed: 6, faults: ['api-429', 'api-500', 'api-503'] },
  { seed: 7, faults: ['wipe-agent', 'collector-away'] },
  { seed: 8, faults: ['expire-token', 'stall-api'] },
  { seed: 9, faults: ['freeze-store', 'freeze-agent'] },
  { seed: 10, faults: ['compact', 'agent-away'] },
  { seed: 11, faults: ['kill-etcd', 'term-agent'] },
  { seed: 12, faults: ['burst', 'term-collector', 'term-apiserver'] },
  { seed: 13, faults: ['store-refuses', 'store-errs-after-commit'] },
  { seed: 16, faults: ['disorder-audit', 'audit-first'] },
];

/** Clusters are shared by all schedules that want one of their kind, one at a time. */
let cluster: WitnessedCluster | undefined;
async function clusterWith(hasWatchCache: boolean): Promise<WitnessedCluster> {
  if (cluster !== undefined && cluster.hasWatchCache !== hasWatchCache) {
    await cluster.close();
    cluster = undefined;
  }
  cluster ??= await openWitnessedCluster({ hasWatchCache });
  return cluster;
}
after(async () => {
  await cluster?.close();
});

const planned = schedules
  .map(({ seed, faults }) => ({ faults, schedule: planSchedule(seed, { faults, stepsPerTrack }) }))
  .sort((a, b) => Number(a.schedule.hasWatchCache) - Number(b.schedule.hasWatchCache));

for (const { faults, schedule } of planned) {
  const { seed, hasWatchCache } = schedule;
  const again = `--seed ${seed} --faults ${faults.join(',')} --steps ${stepsPerTrack} --writes ${minWrites}`;
  test(`complete or confessed: ${again}`, { timeout: 300_000 }, async (context) => {
    const witnessed = await clusterWith(hasWatchCache);
    const outcome = await runSchedule(schedule, witnessed, {
      minWrites,
      pauseMs: 60,
      say: (line) => context.diagnostic(line),
      settleTimeoutMs: 120_000,
    });
    const { problems, folder, gaps, ...figures } = outcome;
    context.diagnostic(JSON.stringify({ ...figures, gaps: gaps.length }));
    assert.deepEqual(
      problems.slice(0, 10),
      [],
      `${problems.length} problems; node test/real/witness/run.ts ${again}; ${folder}`,
    );
    assert.deepEqual([...witnessed.history.unknownKeys()], [], 'etcd holds what the witness cannot read');
  });
}
