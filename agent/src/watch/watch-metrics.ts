import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Numbers about observing; units are in the names. */
export type WatchMetrics = {
  readonly events: Counter<'type'>;
  readonly captured: Counter<'result'>;
  readonly rejected: Counter<'source'>;
  readonly gaps: Counter<'cause'>;
  readonly lists: Counter<'cause'>;
  readonly listSeconds: Histogram;
  readonly watchFailures: Counter<'code'>;
  readonly requests: Counter<'status'>;
  readonly kinds: Gauge<'state'>;
  readonly inFlightBytes: Gauge;
  readonly discoveryFailures: Counter;
  readonly knownCommitSeconds: Histogram;
  readonly knownAppliedSequence: Gauge;
  readonly knownBlocked: Gauge;
};

const prefix = 'driftline_agent_';

export function createWatchMetrics(registry: Registry): WatchMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `${prefix}${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name: `${prefix}${name}`, help, labelNames, registers });
  const seconds = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `${prefix}${name}`, help, buckets, registers });
  return {
    events: counter('watch_events_total', 'Watch events and listed objects received', ['type']),
    captured: counter('captured_total', 'What observations became: delta, deleted or unchanged', ['result']),
    rejected: counter('observations_rejected_total', 'Input from the API server that could not be read', ['source']),
    gaps: counter('watch_gaps_total', 'Gap records written by reflectors', ['cause']),
    lists: counter('lists_total', 'Complete lists of a kind begun', ['cause']),
    listSeconds: seconds('list_seconds', 'From the begin of a list to its last object', [0.01, 0.1, 0.5, 2, 10, 60]),
    watchFailures: counter('watch_failures_total', 'Lists and watches that ended in an error', ['code']),
    requests: counter('kube_requests_total', 'Answers of the API server; status 0 means none came', ['status']),
    kinds: gauge('kinds', 'Kinds by coverage', ['state']),
    inFlightBytes: gauge('observe_in_flight_bytes', 'Observed but not yet durable in the spool', []),
    discoveryFailures: counter('discovery_failures_total', 'Discoveries that failed or were incomplete', []),
    knownCommitSeconds: seconds('known_commit_seconds', 'Time of one commit', [0.001, 0.005, 0.02, 0.1, 0.5, 2]),
    knownAppliedSequence: gauge('known_applied_sequence', 'Sequence that the known objects have reached', []),
    knownBlocked: gauge(
      'known_blocked',
      '1 while the known objects cannot be written (full disk) and nothing is taken',
      [],
    ),
  };
}
