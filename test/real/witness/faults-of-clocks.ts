/** Clocks that are set an hour forward, an hour back, and right again, under a program that works. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from './effects.ts';
import type { Fault } from './fault.ts';
import { noting } from './fault.ts';

const hourS = 3600;

/** A certificate that is not valid yet by the agent's clock makes it blind; nothing else may come of it. */
const stepping = (part: 'agent' | 'collector', types: readonly Effect['type'][]): Fault => ({
  parts: [part],
  needsFakeTime: true,
  act: async (stage) => {
    const { system, random } = stage;
    const clock = system.clocks?.[part];
    if (clock === undefined)
      throw new Error('a clock is to be stepped, and libfaketime cannot be had: see fake-time.ts');
    await noting(stage, { fault: `clock of the ${part} stepped`, types }, async () => {
      for (const offsetS of random.chance(0.5) ? [hourS, -hourS, 0] : [-hourS, hourS, 0]) {
        clock.set(offsetS);
        await sleep(random.between(1_500, 4_000));
      }
    });
  },
});

export const clockFaults = {
  'step-agent-clock': stepping('agent', ['blind', 'unrecorded']),
  'step-collector-clock': stepping('collector', ['unrecorded']),
} as const satisfies Readonly<Record<string, Fault>>;
