/**
 * What a predecessor left in the store without a commit, and the agent no longer holds, is told after all: its rows are
 * made into the messages that they came from, and these go the way of all messages. Between them lies what is lost.
 */
import type { MessageBody, ObjectRef } from '@driftline/proto';
import type { Logger } from 'pino';
import { recordGapInAll } from './audit-gaps.ts';
import { applyMessage } from './apply-message.ts';
import { openRows, sequenceGap } from './batch-rows.ts';
import type { BatchRows } from './batch-rows.ts';
import { streamOf } from './cluster-memory.ts';
import type { ClusterMemory, StreamMemory } from './cluster-memory.ts';
import { sha256 } from './inventory/hash.ts';
import { logEvents } from './log-events.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { PrepareDeps } from './prepare.ts';
import { scorePosture } from './prepare.ts';
import type { AuditRow, StreamId, VersionRow } from './timeline/rows.ts';
import type { SequenceRange, TimelineWriter, UnfinishedRows } from './timeline/timeline.ts';

type Told = { readonly sequence: number; readonly observedAtUs: number; readonly body: MessageBody | undefined };

const deltaOf = (row: VersionRow): MessageBody => {
  const { group, resource, kind, namespace, name, uid, apiVersion, resourceVersion, op, managers, notBeforeUs } = row;
  const ref: ObjectRef = { group, resource, kind, namespace, name, uid };
  const isDeleted = op === 'deleted';
  return {
    type: 'delta',
    ref,
    apiVersion,
    resourceVersion,
    op,
    baseHash: '',
    contentHash: isDeleted ? '' : sha256(row.body),
    full: isDeleted ? undefined : row.body,
    patch: undefined,
    managers,
    synthesised: row.synthesised,
    notBeforeUs,
    versionSwitch: false,
  };
};

const auditOf = ({ digest, event }: AuditRow): MessageBody => ({ type: 'audit', digest, event, source: 'webhook' });

/** In the order of the stream; of other tables only that there is something. */
const toldBy = ({ versions, audits, others }: UnfinishedRows): readonly Told[] => {
  const told: Told[] = [
    ...versions.map((row) => ({ sequence: row.sequence, observedAtUs: row.observedAtUs, body: deltaOf(row) })),
    ...audits.map((row) => ({ sequence: row.sequence, observedAtUs: row.observedAtUs, body: auditOf(row) })),
    ...others.map((at) => ({ ...at, body: undefined })),
  ];
  return told.sort((a, b) => a.sequence - b.sequence);
};

export type AdoptDeps = {
  readonly writer: Pick<TimelineWriter, 'unfinished' | 'readUnfinished'>;
  readonly prepare: PrepareDeps;
  readonly metrics: CollectorMetrics;
  readonly logger: Logger;
};

/**
 * The batch from where the stream stands to the last sequence below `oldestSequence` of which something was left;
 * undefined when there is none. A commit behind it would otherwise bring to light what is there as it is.
 */
export const adoptUnfinished = async (
  { writer, prepare, metrics, logger }: AdoptDeps,
  memory: ClusterMemory,
  id: StreamId,
  oldestSequence: number,
): Promise<BatchRows | undefined> => {
  // What is on its way to the store is finished with it.
  const fromSequence = memory.streams.get(id.epoch)?.nextSequence ?? 1;
  const unfinished = await writer.unfinished(id);
  const toSequence = unfinished.findLast((sequence) => sequence >= fromSequence && sequence < oldestSequence);
  if (toSequence === undefined) return undefined;
  const stream = streamOf(memory, id.epoch);
  const span = { fromSequence, toSequence };
  const rows = adopt(prepare, memory, { id, stream, span }, await writer.readUnfinished(id, span));
  metrics.adopted.inc();
  const counts = { versions: rows.versions.length, audits: rows.audits.length, gaps: rows.gaps.length };
  logger.warn({ event: logEvents.unfinishedAdopted, ...id, ...span, ...counts });
  return rows;
};

/** What it needs to ask for, the memory asks for that is read anew. */
const adopt = (
  deps: PrepareDeps,
  memory: ClusterMemory,
  { id, stream, span }: { readonly id: StreamId; readonly stream: StreamMemory; readonly span: SequenceRange },
  left: UnfinishedRows,
): BatchRows => {
  const { fromSequence: firstSequence, toSequence: lastSequence } = span;
  const rows = openRows(id, { firstSequence, lastSequence, afterOwn: memory.own.nextSequence - 1 });
  const { limits, metrics, onFailure } = deps;
  const comparing = { leftObjects: 0 };
  const step = { memory, stream, rows, needFull: new Map(), verdicts: [], comparing, limits, metrics, onFailure };
  let nextSequence = firstSequence;
  const confess = (toSequence: number, toUs: number): void => {
    if (toSequence < nextSequence) return;
    const detail = 'the collector ended while it recorded them, and the agent no longer held them';
    const at = { sequence: nextSequence, observedAtUs: toUs };
    const range = { fromSequence: nextSequence, toSequence };
    const gap = sequenceGap('sequence_hole', range, { fromUs: stream.lastObservedUs, toUs, detail }, at);
    recordGapInAll(step, gap, () => true);
  };
  for (const { sequence, observedAtUs, body } of toldBy(left)) {
    confess(sequence - 1, observedAtUs);
    if (body !== undefined) applyMessage(step, { body, observedAtUs }, sequence);
    stream.lastObservedUs = observedAtUs;
    nextSequence = sequence + 1;
  }
  confess(lastSequence, stream.lastObservedUs);
  scorePosture(deps, memory, { sequence: lastSequence, observedAtUs: stream.lastObservedUs }, rows);
  return rows;
};
