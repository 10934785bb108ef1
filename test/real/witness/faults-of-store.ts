/** A store that will not take what it is given, or takes it and says otherwise. Neither may cost anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault as StoreFault, FaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import type { Fault, Stage } from './fault.ts';
import { noting } from './fault.ts';

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

/** It waits for its store, and can be told to stop meanwhile: well before a process that does not hear is killed. */
const stopsWithinMs = 10_000;

async function startWithoutStore({ system, random }: Stage, proxy: FaultyProxy): Promise<void> {
  const dice = random.fork(`store ${random.next()}`);
  const ways: readonly StoreFault[] = ['refused', 'overloaded', 'cut-before', 'hung'];
  await system.collector.kill();
  proxy.fault = () => dice.pick(ways);
  proxy.readFault = () => dice.pick(ways);
  system.collector.start();
  await sleep(random.between(1_000, 6_000));
  if (random.chance(0.5)) {
    const fromMs = performance.now();
    await system.collector.stop();
    if (performance.now() - fromMs > stopsWithinMs)
      throw new Error('a collector that waits for its store does not stop');
    system.collector.start();
    await sleep(random.between(1_000, 6_000));
  }
  proxy.fault = () => 'none';
  proxy.readFault = () => 'none';
  proxy.release();
  await system.collector.ready();
}

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
  'start-without-store': {
    parts: ['collector'],
    needsStoreProxy: true,
    act: async (stage) => {
      const { storeProxy } = stage.system;
      if (storeProxy === undefined) throw new Error('a store is to be away, and no proxy is before it');
      await noting(stage, { fault: 'collector started without its store', types: ['unrecorded'] }, () =>
        startWithoutStore(stage, storeProxy),
      );
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
