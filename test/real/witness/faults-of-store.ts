/** A store that will not take what it is given, or takes it and says otherwise. Neither may cost anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault as StoreFault } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import type { Fault } from './fault.ts';
import { noting } from './fault.ts';

/** The collector stays: one that starts has to reach its store. */
const misbehaving = (fault: string, ways: readonly StoreFault[], waysOfReading: readonly StoreFault[]): Fault => ({
  parts: ['collector'],
  needsStoreProxy: true,
  act: async (stage) => {
    const { system, random } = stage;
    const proxy = system.storeProxy;
    if (proxy === undefined) throw new Error('a store is to misbehave, and no proxy is before it');
    const share = random.pick([0.3, 1]);
    // How often the store is asked must not move what the track draws next.
    const dice = random.fork(`store ${random.next()}`);
    await noting(stage, { fault, types: ['unrecorded'] }, async () => {
      proxy.fault = () => (dice.chance(share) ? dice.pick(ways) : 'none');
      proxy.readFault = () => (dice.chance(share) ? dice.pick(waysOfReading) : 'none');
      await sleep(random.between(1_000, 6_000));
      proxy.fault = () => 'none';
      proxy.readFault = () => 'none';
      proxy.release();
    });
  },
});

export const storeFaults = {
  'store-refuses': misbehaving(
    'store refuses',
    ['refused', 'overloaded', 'cut-before', 'cut-within'],
    ['refused', 'overloaded', 'cut-before'],
  ),
  'store-hangs': misbehaving('store hangs', ['hung'], ['hung']),
  'store-errs-after-commit': misbehaving(
    'store errs after it has committed',
    ['lost-answer', 'lost-refusal', 'cut-after'],
    ['none'],
  ),
} as const satisfies Readonly<Record<string, Fault>>;
