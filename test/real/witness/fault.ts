/** The shape of a fault, and how it notes what it may cost. */
import type { WitnessedCluster } from './cluster.ts';
import type { Effect } from './effects.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';
import type { WorkloadOptions } from './workload.ts';

export type Stage = {
  readonly cluster: WitnessedCluster;
  readonly system: System;
  readonly random: Random;
  readonly workload: WorkloadOptions;
  readonly note: (effect: Effect) => void;
};

/** What a fault has for itself while it lasts: two tracks never do things to the same part at once. */
export type Part =
  | 'agent'
  | 'collector'
  | 'control plane'
  | 'API wire'
  | 'collector wire'
  | 'API answers'
  | 'audit wire'
  | 'workload';

export type Fault = {
  readonly parts: readonly Part[];
  /** Minutes rather than seconds: not for CI. */
  readonly isLong?: true;
  /** What the agent's spool may hold in a schedule with this fault. */
  readonly spoolLimit?: string;
  /** The collector's store is an external one behind a proxy, instead of its own. */
  readonly needsStoreProxy?: true;
  /** The agent is the API server's audit webhook, and what it recorded of that is judged. */
  readonly needsAudit?: true;
  /** Only where libfaketime can be had. */
  readonly needsFakeTime?: true;
  readonly act: (stage: Stage) => Promise<void>;
};

/** Runs something and notes what it costs, from its begin to its end. */
export async function noting(
  { note }: Stage,
  { fault, types }: { readonly fault: string; readonly types: readonly Effect['type'][] },
  act: () => Promise<void>,
): Promise<void> {
  const fromMs = performance.now();
  try {
    await act();
  } finally {
    for (const type of types) note({ type, fault, fromMs, toMs: performance.now() });
  }
}
