/** State that is lost, damaged, or has no room; and a past that is compacted away. */
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Stage } from './fault.ts';
import { noting } from './fault.ts';
import { isAlive, limitFileSize } from './processes-of.ts';
import type { System } from './system.ts';
import { burst } from './workload.ts';

/** A full spool holds its producers back for 30 s before it lets go of anything. */
const spoolFillTimeoutMs = 120_000;

/** The spool's segment that is being written. */
function newestSegment({ agentStateDir }: System): { readonly path: string; readonly bytes: number } | undefined {
  const names = readdirSync(join(agentStateDir, 'spool'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\d{10,}/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const path = names.at(-1);
  return path === undefined ? undefined : { path, bytes: statSync(path).size };
}

async function withoutAgent({ system }: Stage, act: () => Promise<void>): Promise<void> {
  await system.agent.kill();
  await act();
  system.agent.start();
  await system.agent.ready();
}

/** The collector is away until the spool has no room left and has begun to let go of the oldest. */
const pastSpool = (ending: 'kill' | 'stop'): Fault => ({
  parts: ['agent', 'collector', 'workload'],
  isLong: true,
  spoolLimit: '128Ki',
  act: (stage) =>
    noting(stage, { fault: 'spool full', types: ['blind', 'unrecorded', 'spool-short', 'audit-blocked'] }, async () => {
      const { system, workload, random } = stage;
      // The end is to come in the midst of recording.
      const recorded = burst(workload, `${workload.prefix}-a`, random.between(200, 400));
      await sleep(random.between(300, 2_000));
      await system.collector[ending]();
      await recorded;
      const endMs = performance.now() + spoolFillTimeoutMs;
      while ((await system.agentFigure('spool_evicted_messages_total')) === 0) {
        if (performance.now() > endMs) throw new Error('the spool lets go of nothing');
        await burst(workload, `${workload.prefix}-a`, random.between(200, 400));
      }
      system.collector.start();
      await system.collector.ready();
    }),
});

export const stateFaults = {
  'wipe-agent': {
    parts: ['agent'],
    act: (stage) =>
      noting(
        stage,
        { fault: 'agent lost its state', types: ['blind', 'state-lost', 'unrecorded', 'audit-blocked'] },
        () =>
          withoutAgent(stage, () => rm(stage.system.agentStateDir, { recursive: true, force: true, maxRetries: 10 })),
      ),
  },
  /** The disk kept the beginning of what was written last. What is torn off may be as old as the file's last change. */
  'tear-spool': {
    parts: ['agent'],
    act: (stage) =>
      noting(stage, { fault: 'spool torn', types: ['blind', 'unrecorded', 'audit-blocked'] }, () =>
        withoutAgent(stage, async () => {
          const segment = newestSegment(stage.system);
          if (segment === undefined) return;
          const toMs = performance.now();
          const fromMs = toMs - Math.max(0, Date.now() - statSync(segment.path).mtimeMs);
          stage.note({ type: 'spool-damaged', fault: 'spool torn', fromMs, toMs });
          truncateSync(segment.path, Math.max(0, segment.bytes - stage.random.between(1, 400)));
        }),
      ),
  },
  /** No file of the agent can grow, while everything goes on. It must live through that. */
  'fill-disk': {
    parts: ['agent'],
    act: (stage) =>
      noting(stage, { fault: 'disk full', types: ['blind', 'unrecorded', 'audit-blocked'] }, async () => {
        const { agent, folder } = stage.system;
        const logBytes = statSync(join(folder, 'logs', 'agent.log')).size;
        limitFileSize(agent.pid, Math.max(newestSegment(stage.system)?.bytes ?? 0, logBytes + 32_768));
        await sleep(stage.random.between(1_000, 6_000));
        if (!isAlive(agent.pid)) throw new Error('the agent ended because its disk was full');
        limitFileSize(agent.pid, 'unlimited');
      }),
  },
  'collector-away-past-spool': pastSpool('stop'),
  /** What it was recording may be in the store in part: that much is told. */
  'collector-killed-past-spool': pastSpool('kill'),
  /** etcd forgets its past. An API server with a watch cache does not notice. */
  compact: {
    parts: ['control plane'],
    act: async ({ cluster, note }) => {
      await cluster.etcd.compact(await cluster.etcd.caughtUp());
      const nowMs = performance.now();
      if (!cluster.hasWatchCache) note({ type: 'compacted', fault: 'etcd compacted', fromMs: nowMs, toMs: nowMs });
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
