/** What can go wrong: each fault by its name. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { auditFaults } from './faults-of-audit.ts';
import { clockFaults } from './faults-of-clocks.ts';
import { networkFaults } from './faults-of-network.ts';
import { processFaults } from './faults-of-processes.ts';
import { stateFaults } from './faults-of-state.ts';
import { storeFaults } from './faults-of-store.ts';
import { burst } from './workload.ts';

const workloadFaults = {
  /** A hundred times the usual churn, for a moment. */
  burst: {
    parts: ['workload'],
    act: async ({ workload, random }) => {
      await burst(workload, `${workload.prefix}-a`, random.between(300, 800));
      await sleep(100);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

const all = {
  ...processFaults,
  ...networkFaults,
  ...stateFaults,
  ...storeFaults,
  ...auditFaults,
  ...workloadFaults,
  ...clockFaults,
};
export type FaultName = keyof typeof all;
export const faults: Readonly<Record<FaultName, Fault>> = all;
export const faultNames = Object.keys(all) as readonly FaultName[];
