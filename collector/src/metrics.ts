/** What the collector counts. Names are the verbs of the line; one registry per collector, injected. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type CollectorMetrics = {
  readonly registry: Registry;
  readonly sessions: Gauge;
  readonly refused: Counter<'code'>;
  readonly admissionsDelayed: Counter<'limit'>;
  readonly receivedBatches: Counter;
  readonly receivedBytes: Counter;
  readonly duplicateBatches: Counter;
  readonly holes: Counter;
  readonly adopted: Counter;
  readonly resends: Counter;
  readonly messages: Counter<'type'>;
  readonly versions: Counter;
  readonly duplicates: Counter;
  readonly needFull: Counter;
  readonly comparisons: Counter<'outcome'>;
  readonly rejected: Counter;
  readonly tooLarge: Counter<'source'>;
  readonly transitions: Counter;
  readonly links: Counter;
  readonly changeVerdicts: Counter<'state'>;
  readonly changesDropped: Counter<'limit'>;
  readonly judgingFailures: Counter;
  readonly scoresLeftOut: Counter<'scope'>;
  readonly recordedBatches: Counter;
  readonly recoveryFailures: Counter;
  readonly storeFailures: Counter<'outcome'>;
  readonly recordSeconds: Histogram;
  readonly lagSeconds: Histogram;
};

type RecordMetrics = Pick<
  CollectorMetrics,
  'recordedBatches' | 'recoveryFailures' | 'storeFailures' | 'recordSeconds' | 'lagSeconds'
>;

const recordMetrics = (registry: Registry): RecordMetrics => {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
  return {
    recordedBatches: counter('driftline_record_batches_total', 'Batches durable in the timeline'),
    recoveryFailures: counter(
      'driftline_recovery_failures_total',
      "Attempts to rebuild a cluster's memory that failed and are repeated",
    ),
    storeFailures: new Counter({
      name: 'driftline_record_store_failures_total',
      help: 'Calls of the store that failed and are repeated: retryable, or refused (schema, grants)',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    recordSeconds: new Histogram({
      name: 'driftline_record_seconds',
      help: 'Time to make one group of batches durable',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    lagSeconds: new Histogram({
      name: 'driftline_record_lag_seconds',
      help: 'From the observation in the cluster to the durable record',
      buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
      registers: [registry],
    }),
  };
};

export const createMetrics = (registry: Registry = new Registry()): CollectorMetrics => {
  const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames, registers: [registry] });
  return {
    registry,
    sessions: new Gauge({ name: 'driftline_ingest_sessions', help: 'Agents connected now', registers: [registry] }),
    refused: counter('driftline_ingest_refused_total', 'Streams refused, by code', 'code'),
    admissionsDelayed: counter(
      'driftline_ingest_admissions_delayed_total',
      'Agents told to come back later, by the limit: rate, cluster-rate, sessions',
      'limit',
    ),
    receivedBatches: counter('driftline_ingest_batches_total', 'Batches taken from agents'),
    receivedBytes: counter('driftline_ingest_bytes_total', 'Compressed payload bytes taken from agents'),
    duplicateBatches: counter('driftline_admit_duplicates_total', 'Batches that were recorded before'),
    holes: counter('driftline_admit_holes_total', 'Sequence holes confirmed as gone and recorded as gaps'),
    adopted: counter('driftline_admit_adopted_total', 'Holes in which rows without a commit were found and recorded'),
    resends: counter('driftline_admit_resends_total', 'Times that missing sequences were asked for again'),
    messages: counter('driftline_apply_messages_total', 'Messages, by type', 'type'),
    versions: counter('driftline_apply_versions_total', 'Versions of objects'),
    duplicates: counter('driftline_apply_duplicates_total', 'Deltas whose content was known'),
    needFull: counter('driftline_apply_need_full_total', 'Deltas that did not fit, whose object was asked for whole'),
    comparisons: counter(
      'driftline_apply_comparisons_total',
      "Kinds compared with an agent's digests, by what came of it",
      'outcome',
    ),
    rejected: counter('driftline_apply_rejected_total', 'Inputs that could not be read and were recorded as rejected'),
    tooLarge: counter(
      'driftline_apply_too_large_total',
      'Objects (delta) and audit events that passed objectBytes or auditEventBytes and were rejected',
      'source',
    ),
    transitions: counter('driftline_judge_transitions_total', 'Finding transitions'),
    links: counter('driftline_correlate_links_total', 'Links between audit events and changes'),
    changeVerdicts: counter(
      'driftline_judge_change_verdicts_total',
      'Verdicts on changes that were recorded, by what they say',
      'state',
    ),
    changesDropped: counter(
      'driftline_judge_changes_dropped_total',
      'Judged changes that no longer wait for who asked, by the limit: waitingChanges, waitingCharacters',
      'limit',
    ),
    judgingFailures: counter('driftline_judge_failures_total', 'Changes that were recorded without being judged'),
    scoresLeftOut: counter(
      'driftline_score_left_out_total',
      'Namespaces and owners that came when as many as a cluster may have scores of had them',
      'scope',
    ),
    ...recordMetrics(registry),
  };
};
