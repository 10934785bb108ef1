/** Audit events that come late, early, twice, in another order, in pieces, or not at all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Treatment } from './audit-relay.ts';
import type { Effect } from './effects.ts';
import { longestHeldMs } from './effects-of-audit.ts';
import type { Fault, Part, Stage } from './fault.ts';
import { noting } from './fault.ts';
import type { Random } from './random.ts';

type Course = {
  readonly treatment: (dice: Random) => Treatment;
  readonly forMs: readonly [number, number];
  readonly types: readonly Effect['type'][];
};

const through: Treatment = { type: 'through' };

/** Batches are treated so for a while. How many come is the machine's, so they draw from a stream of their own. */
async function treating(stage: Stage, fault: string, { treatment, forMs, types }: Course): Promise<void> {
  const { cluster, random } = stage;
  const dice = random.fork(`audit ${random.next()}`);
  await noting(stage, { fault, types }, async () => {
    cluster.auditRelay.treatment = () => treatment(dice);
    await sleep(random.between(...forMs));
    cluster.auditRelay.treatment = () => through;
  });
}

const treated = (fault: string, course: Course, others: readonly Part[] = []): Fault => ({
  parts: ['audit wire', ...others],
  needsAudit: true,
  ...(course.forMs[1] > 20_000 ? { isLong: true as const } : {}),
  act: (stage) => treating(stage, fault, course),
});

const held = (dice: Random, longestMs: number): Treatment => ({
  type: 'hold',
  delaysMs: Array.from({ length: dice.between(1, 3) }, () => dice.between(0, longestMs)),
  rank: () => dice.next(),
});
const refusal = (dice: Random): Treatment => ({ type: 'refuse', status: dice.pick([429, 500, 503]) });

export const auditFaults = {
  /** Each batch comes one to three times, shuffled, and behind batches that were sent after it. */
  'disorder-audit': treated('audit batches repeated and reordered', {
    treatment: (dice) => held(dice, 4_000),
    forMs: [3_000, 8_000],
    types: ['audit-late'],
  }),
  /** The changes have long been told. */
  'delay-audit': treated('audit events late', {
    treatment: (dice) => held(dice, longestHeldMs),
    forMs: [3_000, 8_000],
    types: ['audit-late'],
  }),
  /** Changes come after their events: the agent sees nothing of the objects, and all of the requests. */
  'audit-first': {
    parts: ['audit wire', 'API wire'],
    needsAudit: true,
    act: (stage) =>
      noting(stage, { fault: 'wire to the API server stalled', types: ['blind'] }, async () => {
        stage.system.toApiServer.set({ type: 'stalled' });
        await sleep(stage.random.between(3_000, 8_000));
        stage.system.toApiServer.open();
      }),
  },
  'break-audit': treated('audit connections cut', {
    treatment: (dice) => (dice.chance(0.3) ? through : { type: dice.pick(['cut', 'lose-answer']) }),
    forMs: [2_000, 6_000],
    types: ['audit-blocked'],
  }),
  'refuse-audit': treated('audit batches refused', {
    treatment: (dice) => (dice.chance(0.3) ? through : refusal(dice)),
    forMs: [2_000, 6_000],
    types: ['audit-blocked'],
  }),
  /** For longer than the API server tries: it drops, and counts what it has dropped. */
  'refuse-audit-for-long': treated('audit batches refused for long', {
    treatment: refusal,
    forMs: [60_000, 80_000],
    types: ['audit-blocked'],
  }),
} as const satisfies Readonly<Record<string, Fault>>;
