/**
 * Runs seeded schedules against real clusters, one after the other:
 *
 *   node test/real/witness/run.ts --seed N [--schedules K] [--writes W] [--steps S] [--faults a,b] [--long] [--table FILE]
 *
 * A seed decides the faults, their order and moments, and what the writers do. --faults takes the choice of faults away from
 * it; --long lets it choose those that take minutes; --table appends a row for each schedule. Exits 1 when one finds a problem.
 */
import { parseArgs } from 'node:util';
import { openWitnessedCluster } from './cluster.ts';
import type { WitnessedCluster } from './cluster.ts';
import { fakeTimeLibrary } from './fake-time.ts';
import { faultNames } from './faults.ts';
import type { FaultName } from './faults.ts';
import { runSchedule } from './run-schedule.ts';
import type { Outcome } from './run-schedule.ts';
import { planSchedule } from './schedule.ts';
import { appendEnded, appendRow } from './schedules-table.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1' },
    writes: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '6' },
    faults: { type: 'string' },
    pause: { type: 'string', default: '60' },
    long: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});

const chosen = values.faults?.split(',').map((name): FaultName => {
  if (!(faultNames as readonly string[]).includes(name))
    throw new Error(`no fault '${name}': ${faultNames.join(', ')}`);
  return name as FaultName;
});

const withFakeTime = fakeTimeLibrary() !== undefined;
if (!withFakeTime)
  console.log('libfaketime cannot be had: no seed chooses a fault of clocks, which changes what it chooses');

/** Undefined when it came to no verdict. */
async function attempt(...[schedule, at, options]: Parameters<typeof runSchedule>): Promise<Outcome | undefined> {
  try {
    return await runSchedule(schedule, at, options);
  } catch (error) {
    console.log(`seed ${schedule.seed}: no verdict: ${error instanceof Error ? error.message : String(error)}`);
    if (values.table !== undefined) appendEnded(values.table, schedule, error);
    return undefined;
  }
}

let failed = 0;
let cluster: WitnessedCluster | undefined;
// Agent and collector die with this process; the control plane is on its own.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    cluster?.control.stop();
    process.exit(1);
  });
}
try {
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.schedules); seed++) {
    const schedule = planSchedule(seed, {
      stepsPerTrack: Number(values.steps),
      withLong: values.long,
      withFakeTime,
      ...(chosen === undefined ? {} : { faults: chosen }),
    });
    if (cluster !== undefined && cluster.hasWatchCache !== schedule.hasWatchCache) {
      await cluster.close();
      cluster = undefined;
    }
    cluster ??= await openWitnessedCluster(schedule);
    const outcome = await attempt(schedule, cluster, {
      minWrites: Number(values.writes),
      pauseMs: Number(values.pause),
      say: (line) => console.log(`  ${new Date().toISOString().slice(11, 23)} ${line}`),
      settleTimeoutMs: values.long ? 300_000 : 120_000,
    });
    if (outcome === undefined) {
      failed += 1;
      // Nobody knows what it left behind.
      await cluster.close();
      cluster = undefined;
      continue;
    }
    if (values.table !== undefined) appendRow(values.table, schedule, outcome);
    const { problems, gaps, ...figures } = outcome;
    if (problems.length > 0) failed += 1;
    const counts = { ...figures, gaps: gaps.length, problems: problems.length };
    console.log(`seed ${seed}: ${problems.length === 0 ? 'passed' : 'FAILED'} ${JSON.stringify(counts)}`);
    for (const { cause, kind, fromVersion, toVersion, detail } of gaps)
      console.log(`  gap ${cause} ${kind} (${fromVersion}, ${toVersion}] ${detail}`);
    for (const { code, where, what } of problems.slice(0, 20)) console.log(`  ${code}: ${where}: ${what}`);
    const unknown = [...cluster.history.unknownKeys()];
    if (unknown.length > 0)
      console.log(`  etcd holds what the witness does not know: ${JSON.stringify(unknown.slice(0, 5))}`);
  }
} finally {
  await cluster?.close();
}
process.exitCode = failed === 0 ? 0 : 1;
