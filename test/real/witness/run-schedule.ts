/** One schedule from its first write to the verdict. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDesk, writeAttributed } from '../flow/attributed-writes.ts';
import type { Desk } from '../flow/attributed-writes.ts';
import { check } from './check.ts';
import type { Problem, RecordedGap, Verdict } from './check.ts';
import type { WitnessedCluster } from './cluster.ts';
import { judgeAudit } from './audit-account.ts';
import type { AuditVerdict } from './check-audit.ts';
import { people } from './cluster.ts';
import { allowancesOf } from './effects.ts';
import type { Effect } from './effects.ts';
import { faults } from './faults.ts';
import type { Part, Stage } from './fault.ts';
import { seededRandom } from './random.ts';
import type { Schedule } from './schedule.ts';
import { clusterName, openSystem } from './system.ts';
import type { System } from './system.ts';
import { brokenSequences, readGaps, readVersions, rejectedInput } from './timeline.ts';
import { createNamespace, runWorkload } from './workload.ts';
import type { WorkloadOptions } from './workload.ts';

export type RunOptions = {
  /** The workload goes on until the faults are through and this many writes were taken. */
  readonly minWrites: number;
  readonly pauseMs: number;
  readonly say: (line: string) => void;
  /** After the last fault, for the timeline to tell everything. */
  readonly settleTimeoutMs: number;
};

export type Outcome = {
  readonly problems: readonly Problem[];
  readonly writes: number;
  /** Versions that etcd saw of watched kinds, and runs of them with a form of their own. */
  readonly versions: number;
  readonly runs: number;
  readonly excused: number;
  readonly gaps: readonly RecordedGap[];
  /** Where audit was judged: events, those of them that were dropped as the faults allow, and links that name somebody for sure. */
  readonly audit: Omit<AuditVerdict, 'problems'> | undefined;
  readonly faults: readonly string[];
  readonly seconds: number;
  readonly folder: string;
};

/** Each part is one track's at a time. */
class Parts {
  readonly #turns = new Map<Part, Promise<void>>();

  async with(parts: readonly Part[], act: () => Promise<void>): Promise<void> {
    const before = Promise.all(parts.map((part) => this.#turns.get(part) ?? Promise.resolve()));
    const mine = before.then(act);
    for (const part of parts) this.#turns.set(part, mine);
    await mine;
  }
}

type Judged = {
  readonly verdict: Verdict;
  readonly audit: AuditVerdict | undefined;
  readonly gaps: readonly RecordedGap[];
};
type Witnessed = {
  readonly effects: readonly Effect[];
  readonly firstLookRevision: number;
  /** Undefined where the agent hears of no audit events. */
  readonly desk: Desk | undefined;
  readonly auditSinceMs: number;
};

const minPassMs = 1_000;
const auditEvents = 'events.audit.k8s.io';

export async function runSchedule(
  schedule: Schedule,
  cluster: WitnessedCluster,
  options: RunOptions,
): Promise<Outcome> {
  const startedMs = performance.now();
  const { control, redactionKey } = cluster;
  const { useWatchList } = schedule;
  const planned = schedule.tracks.flat().map(({ fault }) => faults[fault]);
  const hasFakeClocks = planned.some(({ needsFakeTime }) => needsFakeTime === true);
  const spoolLimit = planned.find((fault) => fault.spoolLimit !== undefined)?.spoolLimit;
  const desk = planned.some(({ needsAudit }) => needsAudit === true) ? openDesk() : undefined;
  const auditRelay = desk === undefined ? undefined : cluster.auditRelay;
  const hasStoreProxy = planned.some(({ needsStoreProxy }) => needsStoreProxy === true);
  const system = await openSystem({
    control,
    redactionKey,
    useWatchList,
    hasFakeClocks,
    hasStoreProxy,
    spoolLimit,
    auditRelay,
  });
  let problems: readonly Problem[] | undefined;
  try {
    system.collector.start();
    await system.collector.ready();
    system.agent.start();
    await system.agent.ready();
    const secondsSince = (): string => `${Math.round((performance.now() - startedMs) / 1000)} s`;
    options.say(`ready after ${secondsSince()}`);
    const firstLookRevision = await cluster.etcd.caughtUp();
    const auditSinceMs = Date.now();
    const versionsBefore = cluster.history.versionCount();
    const effects: Effect[] = [];
    const done: string[] = [];
    const writes = await runFaults(schedule, { cluster, system, desk, effects, done, options });
    options.say(`through after ${secondsSince()}`);
    const witnessed = { effects, firstLookRevision, desk, auditSinceMs };
    const judge = (): Promise<Judged> => judgeNow(cluster, system, witnessed);
    const { verdict, audit, gaps } = await settled(judge, options.settleTimeoutMs);
    problems = [...verdict.problems, ...(audit?.problems ?? []), ...(await recordingProblems(system))];
    if (problems.length > 0) await keepEvidence(cluster, system, { problems, effects, firstLookRevision });
    return {
      problems,
      writes,
      versions: cluster.history.versionCount() - versionsBefore,
      runs: verdict.runs,
      excused: verdict.excused,
      gaps,
      audit: audit && { events: audit.events, dropped: audit.dropped, exact: audit.exact },
      faults: done,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      folder: system.folder,
    };
  } finally {
    await system.close({ keepsFolder: problems === undefined || problems.length > 0 });
  }
}

type Running = {
  readonly cluster: WitnessedCluster;
  readonly system: System;
  readonly desk: Desk | undefined;
  readonly effects: Effect[];
  readonly done: string[];
  readonly options: RunOptions;
};

/** Writers and faults beside each other; everything runs again at the end. Returns how many writes were taken. */
async function runFaults({ seed, tracks }: Schedule, running: Running): Promise<number> {
  const { cluster, system, desk, effects, done, options } = running;
  const random = seededRandom(`run ${seed}`);
  const writer = cluster.writer();
  const stop = new AbortController();
  const workload: WorkloadOptions = {
    writer,
    signal: stop.signal,
    pauseMs: options.pauseMs,
    random: random.fork('workload'),
    prefix: `w${seed}`,
  };
  const writing = Promise.all([
    runWorkload(workload),
    desk === undefined ? [] : writeAsPeople(workload, cluster, desk),
  ]);
  const parts = new Parts();
  try {
    await Promise.all(
      tracks.map(async (steps, at) => {
        const stage: Stage = {
          cluster,
          system,
          workload,
          random: random.fork(`track ${at}`),
          note: (effect) => effects.push(effect),
        };
        for (const { pauseMs, fault } of steps) {
          await sleep(pauseMs);
          await parts.with(faults[fault].parts, async () => {
            options.say(`${fault} at ${writer.written} writes`);
            done.push(fault);
            await faults[fault].act(stage);
          });
        }
      }),
    );
    while (writer.written < options.minWrites) await sleep(100);
  } finally {
    stop.abort();
    await writing;
    writer.close();
  }
  options.say(`${writer.written} writes: ${JSON.stringify(Object.fromEntries(writer.perVerb))}`);
  await Promise.all([system.collector.ready(), system.agent.ready()]);
  return writer.written;
}

/** People write to the same few objects at once, and note what their requests did. */
async function writeAsPeople(workload: WorkloadOptions, cluster: WitnessedCluster, desk: Desk): Promise<void> {
  const { random, prefix, signal, pauseMs, writer } = workload;
  const namespace = `${prefix}-people`;
  await createNamespace(writer, namespace);
  const writing = people.map((user) => {
    const dice = random.fork(user);
    const person = { user, as: cluster.as(user), random: () => dice.next() };
    return writeAttributed(person, desk, { namespace, pauseMs: pauseMs * 3, signal, mayFail: true });
  });
  await Promise.all(writing);
}

async function judgeNow(
  cluster: WitnessedCluster,
  system: System,
  { effects, firstLookRevision, desk, auditSinceMs }: Witnessed,
): Promise<Judged> {
  await cluster.etcd.caughtUp();
  const store = system.store();
  const [recorded, gaps] = [await readVersions(store, clusterName), await readGaps(store, clusterName)];
  const histories = cluster.history.objects();
  const allowances = allowancesOf(effects, histories, cluster);
  const accounts = { store, cluster: clusterName, logged: cluster.audited(), effects, sinceMs: auditSinceMs };
  const audit = desk && (await judgeAudit({ ...accounts, truth: desk.truth }));
  const others = desk === undefined ? gaps : gaps.filter(({ kind }) => kind !== auditEvents);
  return { verdict: check({ histories, recorded, gaps: others, allowances, firstLookRevision }), audit, gaps };
}

/** Judges until there is nothing to say against the timeline twice in a row, or the time is over. */
async function settled(judge: () => Promise<Judged>, timeoutMs: number): Promise<Judged> {
  const endMs = performance.now() + timeoutMs;
  for (let cleanPasses = 0; ; ) {
    const startedMs = performance.now();
    const judged = await judge();
    cleanPasses = judged.verdict.problems.length + (judged.audit?.problems.length ?? 0) === 0 ? cleanPasses + 1 : 0;
    if (cleanPasses === 2 || performance.now() > endMs) return judged;
    await sleep(Math.max(minPassMs, performance.now() - startedMs));
  }
}

/** What somebody needs who looks for the cause: beside the logs, the objects in question as etcd and as the timeline tell them. */
async function keepEvidence(cluster: WitnessedCluster, system: System, judged: object): Promise<void> {
  const keys = new Set(
    (judged as { problems: readonly Problem[] }).problems.map(({ where }) => where.split(/ \d+:\d+ /)[0]),
  );
  const histories = cluster.history.objects().filter(({ key }) => keys.has(key));
  const recorded = (await readVersions(system.store(), clusterName)).filter(({ key }) => keys.has(key));
  const gaps = await readGaps(system.store(), clusterName);
  const evidence = { ...judged, gaps, histories, recorded };
  writeFileSync(join(system.folder, 'evidence.json'), JSON.stringify(evidence, undefined, 1));
}

async function recordingProblems(system: System): Promise<readonly Problem[]> {
  const store = system.store();
  const sentences = [...(await brokenSequences(store, clusterName)), ...(await rejectedInput(store, clusterName))];
  return sentences.map((what): Problem => ({ code: 'altered', where: 'the timeline', what }));
}
