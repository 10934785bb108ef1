/**
 * From an admitted batch to its rows: decode → apply → judge → correlate. Synchronous, and a function of the batch and
 * the cluster's memory, so that the same batches always become the same rows.
 */
import type { KindVerdict, MessageBody, ObjectRef } from '@driftline/proto';
import { applyMessage } from './apply-message.ts';
import type { MessageLimits, MessageStep } from './apply-message.ts';
import { recordGapInAll } from './audit-gaps.ts';
import { openRows, rejectedRow, sequenceGap } from './batch-rows.ts';
import type { At, BatchRows } from './batch-rows.ts';
import type { StreamBatch } from './bus/bus.ts';
import type { ClusterMemory, StreamMemory } from './cluster-memory.ts';
import type { Admission } from './ingest/admit.ts';
import { decode } from './ingest/decode.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { ClusterId } from './timeline/timeline.ts';

export type PrepareDeps = {
  readonly limits: MessageLimits & {
    readonly batchUncompressedBytes: number;
    readonly comparedObjectsPerBatch: number;
  };
  readonly metrics: CollectorMetrics;
  readonly onFailure: (error: unknown, body: MessageBody) => void;
  readonly onPostureFailure: (error: unknown, id: ClusterId) => void;
  readonly onUndecodable: (item: StreamBatch, reason: string, detail: string) => void;
};

export type Prepared = {
  readonly rows: BatchRows;
  readonly needFull: ReadonlyMap<string, ObjectRef>;
  readonly verdicts: readonly KindVerdict[];
};

const recordMissing = (
  step: Pick<MessageStep, 'memory' | 'stream' | 'rows' | 'limits'>,
  missing: NonNullable<Extract<Admission, { type: 'admitted' }>['missing']>,
  observedAtUs: number,
): void => {
  const { rows, stream } = step;
  const span = { fromUs: stream.lastObservedUs, toUs: observedAtUs, detail: 'the agent no longer held them' };
  const gap = sequenceGap('sequence_hole', missing, span, { sequence: rows.firstSequence, observedAtUs });
  recordGapInAll(step, gap, () => true);
};

const recordUndecodable = (
  rows: BatchRows,
  stream: StreamMemory,
  failure: { readonly reason: string; readonly detail: string },
  bytes: number,
): void => {
  // Its own times are unreadable: the last one that was read stands in.
  const at = { sequence: rows.firstSequence, observedAtUs: stream.lastObservedUs };
  const { reason, detail } = failure;
  rows.rejected.push(rejectedRow({ source: 'batch', reason, detail, bytes }, at));
  const range = { fromSequence: rows.firstSequence, toSequence: rows.lastSequence };
  const span = { fromUs: at.observedAtUs, toUs: at.observedAtUs, detail: `${reason}: ${detail}` };
  rows.gaps.push(sequenceGap('undecodable', range, span, at));
};

/** Never throws: the rows are worth more than their score, which the next batch gives again. */
export const scorePosture = (
  { onPostureFailure }: Pick<PrepareDeps, 'onPostureFailure'>,
  memory: ClusterMemory,
  at: At,
  rows: BatchRows,
): void => {
  try {
    memory.judge.scores(at, rows);
  } catch (error) {
    onPostureFailure(error, memory.id);
  }
};

export const prepare = (
  deps: PrepareDeps,
  memory: ClusterMemory,
  item: StreamBatch,
  admission: Extract<Admission, { type: 'admitted' }>,
): Prepared => {
  const { limits, metrics, onFailure } = deps;
  const stream = memory.streams.get(item.stream.epoch);
  if (stream === undefined) throw new Error('prepare: the stream was not opened by admission');
  const span = { firstSequence: admission.fromSequence, lastSequence: item.batch.lastSequence };
  const rows = openRows(item.stream, { ...span, afterOwn: memory.own.nextSequence - 1 });
  const needFull = new Map<string, ObjectRef>();
  const verdicts: KindVerdict[] = [];
  const gaps = { memory, stream, rows, limits };
  const decoded = decode(item.batch, limits);
  if (decoded.type === 'undecodable') {
    metrics.rejected.inc();
    deps.onUndecodable(item, decoded.reason, decoded.detail);
    if (admission.missing !== undefined) recordMissing(gaps, admission.missing, stream.lastObservedUs);
    recordUndecodable(rows, stream, decoded, item.batch.payload.byteLength);
    return { rows, needFull, verdicts };
  }
  const skipped = admission.fromSequence - item.batch.firstSequence;
  const messages = skipped === 0 ? decoded.messages : decoded.messages.slice(skipped);
  if (admission.missing !== undefined) recordMissing(gaps, admission.missing, messages[0]?.observedAtUs ?? 0);
  const comparing = { leftObjects: limits.comparedObjectsPerBatch };
  const step = { memory, stream, rows, needFull, verdicts, comparing, limits, metrics, onFailure };
  let sequence = admission.fromSequence;
  for (const message of messages) {
    applyMessage(step, message, sequence);
    sequence += 1;
  }
  scorePosture(deps, memory, { sequence: rows.lastSequence, observedAtUs: stream.lastObservedUs }, rows);
  return { rows, needFull, verdicts };
};
