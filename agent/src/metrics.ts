import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditMetrics } from './audit/index.ts';
import { followProcess } from './process-metrics.ts';
import { createReconcileMetrics } from './reconcile/reconcile-metrics.ts';
import type { ReconcileMetrics } from './reconcile/reconcile-metrics.ts';
import type { SpoolMetrics, SpoolPosition } from './spool/index.ts';
import type { UplinkMetrics } from './uplink/index.ts';
import { createWatchMetrics } from './watch/watch-metrics.ts';
import type { WatchMetrics } from './watch/watch-metrics.ts';

export type AgentMetrics = {
  readonly registry: Registry;
  readonly watch: WatchMetrics;
  readonly spool: SpoolMetrics;
  readonly uplink: UplinkMetrics;
  readonly audit: AuditMetrics;
  readonly reconcile: ReconcileMetrics;
  memoryGivenBack(seconds: number): void;
  /** The spool whose position is shown from now on. */
  follow(position: () => SpoolPosition): void;
};

const prefix = 'driftline_agent_';

/** Everything the agent counts, in a registry of its own. Units are in the names. */
export function createAgentMetrics(): AgentMetrics {
  const registry = new Registry();
  followProcess(registry);
  let position: (() => SpoolPosition) | undefined;
  const watch = createWatchMetrics(registry);
  const registers = [registry];
  const ofSpool = (name: string, help: string, read: (at: SpoolPosition) => number): Gauge =>
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        if (position !== undefined) this.set(read(position()));
      },
    });
  const collections = new Counter({
    name: `${prefix}memory_collection_seconds_total`,
    help: 'Time spent on collections that give memory back after a burst; everything else waits meanwhile',
    registers,
  });
  ofSpool('spool_bytes', 'Bytes of the spool on disk', (at) => at.bytes);
  ofSpool('spool_limit_bytes', 'Bytes that the spool may take', (at) => at.limitBytes);
  ofSpool('spool_last_sequence', 'Newest durable message', (at) => at.lastSequence);
  ofSpool('spool_accepted_sequence', "Newest message that the collector's bus has", (at) => at.acceptedSequence);
  ofSpool('spool_recorded_sequence', 'Newest message that the timeline has', (at) => at.recordedSequence);
  return {
    registry,
    watch,
    spool: createSpoolMetrics(registers),
    uplink: createUplinkMetrics(registers),
    audit: createAuditMetrics(registers),
    reconcile: createReconcileMetrics(registers),
    memoryGivenBack: (seconds) => collections.inc(seconds),
    follow(next) {
      position = next;
    },
  };
}

function createSpoolMetrics(registers: Registry[]): SpoolMetrics {
  const counter = (name: string, help: string): Counter => new Counter({ name: `${prefix}${name}`, help, registers });
  const messages = counter('spool_messages_total', 'Messages made durable');
  const bytes = counter('spool_batch_bytes_total', 'Payload bytes of the batches made durable');
  const evicted = counter('spool_evicted_messages_total', 'Messages evicted before the collector had them');
  const damaged = counter('spool_damaged_messages_total', 'Messages lost to damage of the spool');
  const failures = counter('spool_write_failures_total', 'Writes that failed and were tried again');
  const buckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];
  const name = `${prefix}spool_commit_seconds`;
  const commit = new Histogram({ name, help: 'From cutting batches to their being durable', buckets, registers });
  return {
    appended(count, batchBytes) {
      messages.inc(count);
      bytes.inc(batchBytes);
    },
    committedInSeconds: (seconds) => commit.observe(seconds),
    evicted: (count) => evicted.inc(count),
    damaged: (count) => damaged.inc(count),
    writeFailed: () => failures.inc(),
  };
}

function createUplinkMetrics(registers: Registry[]): UplinkMetrics {
  const counter = (name: string, help: string): Counter => new Counter({ name: `${prefix}${name}`, help, registers });
  const connected = new Gauge({ name: `${prefix}uplink_connected`, help: '1 while a stream is open', registers });
  const messages = counter('uplink_sent_messages_total', 'Messages sent, repetitions included');
  const bytes = counter('uplink_sent_bytes_total', 'Payload bytes sent, repetitions included');
  const resends = counter('uplink_resends_total', 'Times the collector asked for sequences again');
  const objects = counter('uplink_objects_asked_total', 'Objects that the collector asked for whole');
  const ended = new Counter({
    name: `${prefix}uplink_streams_ended_total`,
    help: 'Streams that ended',
    labelNames: ['reason'],
    registers,
  });
  return {
    connected: (isConnected) => connected.set(isConnected ? 1 : 0),
    sent(batchBytes, count) {
      messages.inc(count);
      bytes.inc(batchBytes);
    },
    ended: (reason) => ended.inc({ reason }),
    resendAsked: () => resends.inc(),
    objectsAsked: (count) => objects.inc(count),
  };
}

function createAuditMetrics(registers: Registry[]): AuditMetrics {
  const events = new Counter({
    name: `${prefix}audit_events_total`,
    help: 'Audit events by source and what became of them',
    labelNames: ['source', 'outcome'],
    registers,
  });
  const answers = new Counter({
    name: `${prefix}audit_webhook_answers_total`,
    help: 'Answers of the audit webhook',
    labelNames: ['status'],
    registers,
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `${prefix}${name}`, help, registers });
  const waiting = gauge('audit_webhook_waiting_bytes', 'Bytes received and not yet answered');
  const behind = gauge('audit_log_behind_bytes', 'Bytes of the audit log that are not read yet');
  return {
    events: (source, outcome, count) => events.inc({ source, outcome }, count),
    webhookAnswered: (status) => answers.inc({ status: String(status) }),
    webhookWaitingBytes: (bytes) => waiting.set(bytes),
    logBehindBytes: (bytes) => behind.set(bytes),
  };
}
