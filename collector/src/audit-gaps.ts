/**
 * Audit events within a gap in everything. Such a gap is about what the agent was handed within it, and an event is handed
 * over later than it happened: the API server collects and retries, and a log is read when there is time for it. So of
 * audit events the gap begins earlier, and that is a gap of its own.
 */
import { auditEvents, auditReachUs } from '@driftline/proto';
import type { BatchRows } from './batch-rows.ts';
import type { ClusterMemory, StreamMemory } from './cluster-memory.ts';
import type { GapRow } from './timeline/rows.ts';

/** The audit event of a stream that was recorded last. */
export type HeardAudit = { readonly happenedAtUs: number; readonly observedAtUs: number };

export type AuditGapLimits = {
  /** Microseconds; what was heard longer before a gap a collector that has just started may not know (windowUs). */
  readonly lastAuditUs: number;
};

type Place = {
  readonly memory: Pick<ClusterMemory, 'isAuditWatched' | 'streams'>;
  readonly rows: Pick<BatchRows, 'gaps'>;
  readonly limits: AuditGapLimits;
};

/**
 * Records a gap in everything, and that in audit events where such are collected. A log is read in its order: what is
 * missing of it happened after what was recorded of it last, however long ago that was.
 *
 * @param isBefore whether the messages of a stream came before those that are missing
 */
export const recordGapInAll = (
  { memory, rows, limits }: Place,
  gap: GapRow,
  isBefore: (stream: StreamMemory) => boolean,
): void => {
  rows.gaps.push(gap);
  if (!memory.isAuditWatched) return;
  const last = [...memory.streams.values()].findLast(
    (each) => isBefore(each) && each.lastAudit !== undefined,
  )?.lastAudit;
  const isKnown = last !== undefined && gap.observedAtUs - last.observedAtUs <= limits.lastAuditUs;
  const lastUs = isKnown ? last.happenedAtUs : gap.fromUs;
  const fromUs = Math.max(0, Math.min(gap.fromUs - auditReachUs, lastUs));
  const detail = `${gap.detail}; audit events that had happened before and were still on their way are within it`;
  rows.gaps.push({ ...gap, ...auditEvents, fromUs, detail });
};
