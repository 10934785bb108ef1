/** Processes that are killed, stopped, frozen, and come back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Process } from '../flow/processes.ts';
import type { Effect } from './effects.ts';
import type { Fault, Stage } from './fault.ts';
import { noting } from './fault.ts';
import { control, freeze } from './processes-of.ts';
import type { System } from './system.ts';

type Ending = 'kill' | 'stop';
type Program = { readonly part: 'agent' | 'collector'; readonly types: readonly Effect['type'][] };

const agent: Program = { part: 'agent', types: ['blind', 'unrecorded', 'audit-blocked'] };
const collector: Program = { part: 'collector', types: ['unrecorded'] };
const processOf = (system: System, { part }: Program): Process => system[part];

/** Ends a program in one of two ways, leaves it away for a while, and has it back. */
const restart = (program: Program, ending: Ending, awayMs: readonly [number, number] = [0, 1_500]): Fault => ({
  parts: [program.part],
  ...(awayMs[1] > 20_000 ? { isLong: true as const } : {}),
  act: async (stage) => {
    const running = processOf(stage.system, program);
    await noting(stage, { fault: `${program.part} restarted`, types: program.types }, async () => {
      await running[ending]();
      await sleep(stage.random.between(...awayMs));
      running.start();
      await running.ready();
    });
  },
});

/** A process that does not answer, as under a debugger, a stopped disk or an overcommitted host. */
const freezing = (program: Program, pidsOf: (system: System) => readonly number[]): Fault => ({
  parts: [program.part],
  act: async (stage) => {
    await noting(stage, { fault: `${program.part} frozen`, types: program.types }, async () => {
      const { thaw } = freeze(pidsOf(stage.system));
      await sleep(stage.random.between(500, 5_000));
      thaw();
    });
  },
});

/**
 * A restarted API server has a new watch cache that begins where it was started; one without a cache asks etcd, which
 * remembers. When etcd goes away, the API server's cache begins anew as well.
 */
const restartComponent = (component: 'apiserver' | 'etcd', ending: Ending): Fault => ({
  parts: ['control plane'],
  act: async (stage) => {
    const { cluster, random } = stage;
    const types: readonly Effect['type'][] = [
      'blind',
      ...(cluster.hasWatchCache ? (['past-forgotten'] as const) : []),
      ...(component === 'apiserver' && ending === 'kill' ? (['audit-lost'] as const) : []),
    ];
    await noting(stage, { fault: `${component} restarted`, types }, async () => {
      if (ending === 'kill') cluster.control.crash(component);
      else await control(cluster.control, 'stop', component);
      await sleep(random.between(0, 2_000));
      await control(cluster.control, 'start', component);
      await isReady(stage);
    });
  },
});

async function isReady({ cluster }: Stage): Promise<void> {
  const writer = cluster.writer();
  try {
    while ((await writer.send('GET', '/readyz')).status !== 200) await sleep(100);
  } finally {
    writer.close();
  }
}

export const processFaults = {
  'kill-agent': restart(agent, 'kill'),
  'term-agent': restart(agent, 'stop'),
  'kill-collector': restart(collector, 'kill'),
  'term-collector': restart(collector, 'stop'),
  'collector-away': restart(collector, 'kill', [6_000, 12_000]),
  /** The agent's token for the collector is replaced: a collector reads its tokens when it starts. */
  'rotate-agent-token': {
    parts: ['collector'],
    act: (stage) =>
      noting(stage, { fault: 'agent token rotated', types: ['unrecorded'] }, async () => {
        const { system } = stage;
        const { collector } = system;
        await collector.stop();
        system.rotateAgentToken(`agent-token-of-the-witnessed-cluster-${stage.random.between(1, 1e9)}`);
        collector.start();
        await collector.ready();
      }),
  },
  'agent-away': restart(agent, 'kill', [6_000, 12_000]),
  'agent-away-for-long': restart(agent, 'kill', [80_000, 110_000]),
  'freeze-agent': freezing(agent, (system) => [system.agent.pid]),
  'freeze-collector': freezing(collector, (system) => [system.collector.pid]),
  'freeze-store': freezing(collector, (system) => system.storePids()),
  'kill-apiserver': restartComponent('apiserver', 'kill'),
  'term-apiserver': restartComponent('apiserver', 'stop'),
  'kill-etcd': restartComponent('etcd', 'kill'),
  'term-etcd': restartComponent('etcd', 'stop'),
} as const satisfies Readonly<Record<string, Fault>>;
