/** From a seed to a plan: which faults, in which order, at which moments, on which kind of cluster. */
import { faultNames, faults } from './faults.ts';
import type { FaultName } from './faults.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';

export type Step = { readonly pauseMs: number; readonly fault: FaultName };

export type Schedule = {
  readonly seed: number;
  readonly hasWatchCache: boolean;
  readonly useWatchList: boolean;
  /** Tracks run beside each other; the steps of a track one after the other. */
  readonly tracks: readonly (readonly Step[])[];
};

export type ScheduleOptions = {
  /** Instead of the seed's own choice: each comes at least once, in an order of the seed's. */
  readonly faults?: readonly FaultName[];
  readonly stepsPerTrack: number;
  /** Faults of minutes, too. */
  readonly withLong?: boolean;
  /** Faults for which libfaketime is needed. */
  readonly withFakeTime?: boolean;
};

export function planSchedule(
  seed: number,
  { faults: only, stepsPerTrack, withLong = false, withFakeTime = false }: ScheduleOptions,
): Schedule {
  const random = seededRandom(`schedule ${seed}`);
  const eligible = faultNames.filter(
    (name) => (withLong || faults[name].isLong !== true) && (withFakeTime || faults[name].needsFakeTime !== true),
  );
  const chosen = only ?? Array.from({ length: random.between(1, 5) }, () => random.pick(eligible));
  const trackCount = chosen.length > 1 && random.chance(0.5) ? 2 : 1;
  const stepCount = only === undefined ? stepsPerTrack : Math.max(stepsPerTrack, Math.ceil(only.length / trackCount));
  const waiting = only === undefined ? [] : shuffled(only, random);
  const step = (): Step => ({ pauseMs: random.between(300, 3000), fault: waiting.pop() ?? random.pick(chosen) });
  const tracks = Array.from({ length: trackCount }, () => Array.from({ length: stepCount }, step));
  return { seed, hasWatchCache: random.chance(0.6), useWatchList: random.chance(0.7), tracks };
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
