import { Counter, Gauge, type Registry } from 'prom-client';

/** Figures of anti-entropy; units are in the names. */
export type ReconcileMetrics = {
  unagreedKinds(count: number): void;
  verdict(outcome: string): void;
  objectsSent(count: number): void;
  unanswered(): void;
  gaveUp(): void;
};

const prefix = 'driftline_agent_reconcile_';

export function createReconcileMetrics(registers: Registry[]): ReconcileMetrics {
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name: `${prefix}${name}`, help, labelNames, registers });
  const unagreed = new Gauge({
    name: `${prefix}unagreed_kinds`,
    help: 'Kinds that were not yet found equal at the collector since the epoch began or a loss',
    registers,
  });
  const verdicts = counter('verdicts_total', 'Answers to digests and entries, by outcome', ['outcome']);
  const objects = counter('objects_total', 'Objects sent whole because they differed');
  const unanswered = counter('unanswered_total', 'Digests that were recorded and not answered: sent again');
  const gaveUp = counter('gave_up_total', 'Times that a kind did not agree in many rounds and was left for later');
  return {
    unagreedKinds: (count) => unagreed.set(count),
    verdict: (outcome) => verdicts.inc({ outcome }),
    objectsSent: (count) => objects.inc(count),
    unanswered: () => unanswered.inc(),
    gaveUp: () => gaveUp.inc(),
  };
}
