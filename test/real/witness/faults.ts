/** What can go wrong, each as an act that also notes what it may cost. */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from './effects.ts';
import type { Process } from '../flow/processes.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';
import type { WitnessedCluster } from './cluster.ts';

export type Stage = {
  readonly cluster: WitnessedCluster;
  readonly system: System;
  readonly random: Random;
  readonly note: (effect: Effect) => void;
};

export type Fault = (stage: Stage) => Promise<void>;

type EffectType = Effect['type'];

/** Runs something and notes what it costs from its begin to its end. */
async function noting({ note }: Stage, fault: string, types: readonly EffectType[], act: () => Promise<void>) {
  const fromMs = performance.now();
  await act();
  const toMs = performance.now();
  for (const type of types) note({ type, fault, fromMs, toMs });
}

/** Ends a program in one of two ways, leaves it away for a while, and has it back. */
const restart =
  (fault: string, of: (system: System) => Process, types: readonly EffectType[]) =>
  (signal: 'kill' | 'stop'): Fault =>
  async (stage) => {
    const program = of(stage.system);
    await noting(stage, fault, types, async () => {
      await (signal === 'kill' ? program.kill() : program.stop());
      await sleep(stage.random.between(0, 1500));
      program.start();
      if (stage.random.chance(0.5)) await program.ready();
    });
  };

const restartAgent = restart('agent restarted', ({ agent }) => agent, ['blind', 'unrecorded']);
const restartCollector = restart('collector restarted', ({ collector }) => collector, ['unrecorded']);

export const faults = {
  'kill-agent': restartAgent('kill'),
  'term-agent': restartAgent('stop'),
  'kill-collector': restartCollector('kill'),
  'term-collector': restartCollector('stop'),
  'wipe-agent': async (stage) => {
    await noting(stage, 'agent without its state', ['blind', 'state-lost', 'unrecorded'], async () => {
      const { agent, agentStateDir } = stage.system;
      await agent.kill();
      await rm(agentStateDir, { recursive: true, force: true });
      agent.start();
      await agent.ready();
    });
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as readonly FaultName[];
