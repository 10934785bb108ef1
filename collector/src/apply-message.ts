/**
 * One message of a batch: applied to the cluster's memory, judged and correlated, its rows written into the batch. Never
 * throws: input that breaks a step becomes a rejected row and, where a version is lost with it, a gap. The line goes on.
 */
import type { ChangeForms } from '@driftline/policy';
import { isAuditEvents, objectKey } from '@driftline/proto';
import type {
  AuditMessage,
  Coverage,
  Delta,
  Gap,
  KindDigest,
  KindEntries,
  KindSynced,
  KindVerdict,
  Message,
  MessageBody,
  ObjectRef,
} from '@driftline/proto';
import { recordGapInAll } from './audit-gaps.ts';
import type { AuditGapLimits } from './audit-gaps.ts';
import {
  changeFacts,
  divergenceGap,
  gapRow,
  listedRow,
  lostVersionGap,
  readAudit,
  rejectedRow,
  sweptRow,
  versionRow,
} from './batch-rows.ts';
import type { At, BatchRows } from './batch-rows.ts';
import { isNewestEpoch } from './cluster-memory.ts';
import type { ClusterMemory, StreamMemory } from './cluster-memory.ts';
import { type Applied, applyDelta } from './inventory/apply-delta.ts';
import { compareDigest, compareEntries } from './inventory/compare-kind.ts';
import { definedBy, isDefinition } from './inventory/definitions.ts';
import { syncKind } from './inventory/sync-kind.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { LinkRow, VersionRow } from './timeline/rows.ts';

export type MessageLimits = AuditGapLimits & {
  /** UTF-8 bytes of one audit event; a larger one is rejected. */
  readonly auditEventBytes: number;
};

export type MessageStep = {
  readonly memory: ClusterMemory;
  readonly stream: StreamMemory;
  readonly rows: BatchRows;
  /** Objects to ask for whole, by key. */
  readonly needFull: Map<string, ObjectRef>;
  /** What digests and entries came to. */
  readonly verdicts: KindVerdict[];
  /** Objects that may still be compared for this batch. */
  readonly comparing: { leftObjects: number };
  readonly limits: MessageLimits;
  readonly metrics: CollectorMetrics;
  /** Called with the error of a step that threw. */
  readonly onFailure: (error: unknown, body: MessageBody) => void;
};

const tooLarge = 'too-large';

const reject = (step: MessageStep, at: At, rejected: Parameters<typeof rejectedRow>[0]): void => {
  step.metrics.rejected.inc();
  if (rejected.reason === tooLarge) step.metrics.tooLarge.inc({ source: rejected.source });
  step.rows.rejected.push(rejectedRow(rejected, at));
};

type Forms = Pick<Parameters<ClusterMemory['judge']['change']>[0], 'after' | 'digest' | 'earlier'>;

/** `before` is the object of the same uid, made when somebody asks. */
type JudgedForms = Forms & Pick<ChangeForms, 'before' | 'beforeText'>;

const judgeAndCorrelate = (step: MessageStep, row: VersionRow, forms: JudgedForms): void => {
  const { memory, rows, stream } = step;
  rows.versions.push(row);
  step.metrics.versions.inc();
  const key = { group: row.group, kind: row.kind, namespace: row.namespace, name: row.name };
  const { before, beforeText, ...judged } = forms;
  memory.judge.change({ key, uid: row.uid, ...judged }, row, rows);
  const links = memory.correlator.change(changeFacts(row, stream.epoch));
  const version = { ...row, epoch: stream.epoch };
  memory.judge.changes.change(version, { before, beforeText, after: () => judged.after }, links, rows);
  takeLinks(step, links, row);
};

const takeLinks = ({ memory, rows }: MessageStep, links: readonly LinkRow[], at: At): void => {
  rows.links.push(...links);
  memory.judge.changes.link(links, at, rows);
};

const formsOf = (
  { after, before, earlier, earlierText, removed }: Extract<Applied, { type: 'version' }>,
  digest: string,
): JudgedForms => ({
  after,
  digest,
  earlier: before && earlier && { object: earlier, digest: before.contentHash },
  before: () => earlier ?? removed?.object(),
  beforeText: earlierText,
});

const sizeOf = (delta: Delta): number => (delta.full ?? delta.patch ?? '').length;

/** Another object has the place of one whose end was never told: an agent that has lost its state does not know of it. */
const takeEndOfPredecessor = (step: MessageStep, delta: Delta, key: string, at: At): void => {
  const { op, ref, resourceVersion } = delta;
  const before = step.memory.inventory.get(key);
  if (op === 'deleted' || before === undefined || before.ref.uid === '' || ref.uid === '') return;
  if (before.ref.uid === ref.uid) return;
  const { apiVersion } = before;
  const nothing = {
    full: undefined,
    patch: undefined,
    managers: [],
    baseHash: '',
    contentHash: '',
    versionSwitch: false,
  };
  const end = {
    ref: before.ref,
    apiVersion,
    resourceVersion,
    op: 'deleted',
    synthesised: true,
    notBeforeUs: 0,
  } as const;
  takeDelta(step, { type: 'delta', ...nothing, ...end }, at);
};

/**
 * With a definition go the objects of its kind. An agent that has lost its state, and finds the kind gone, does not know
 * that there were any: they are asked for, and it says of each that it is deleted.
 */
const askForInstances = ({ memory, needFull }: MessageStep, gone: ObjectRef): void => {
  if (!isDefinition(gone)) return;
  const { group, resource } = definedBy(gone.name);
  for (const { ref } of memory.inventory.ofResource(group, resource)) needFull.set(objectKey(ref), ref);
};

const takeDelta = (step: MessageStep, delta: Delta, at: At): void => {
  const { memory, stream, rows, metrics } = step;
  // Made once: what a map has to look for under a new text is the dearest part of looking.
  const key = objectKey(delta.ref);
  takeEndOfPredecessor(step, delta, key, at);
  const applied = applyDelta(memory.inventory, delta, stream.epoch, key);
  switch (applied.type) {
    case 'version':
      memory.wanted.delete(applied.key);
      judgeAndCorrelate(step, versionRow(delta, applied, at), formsOf(applied, delta.contentHash));
      if (delta.op === 'deleted') askForInstances(step, applied.ref);
      return;
    case 'duplicate':
      memory.wanted.delete(key);
      metrics.duplicates.inc();
      return;
    case 'need-full':
      metrics.needFull.inc();
      step.needFull.set(objectKey(applied.ref), applied.ref);
      rows.gaps.push(lostVersionGap(delta, applied.knownVersion, `${applied.reason}; asked for the whole object`, at));
      return;
    case 'rejected': {
      const { reason, detail } = applied;
      reject(step, at, { source: 'delta', reason, detail, bytes: sizeOf(delta) });
      // It came, and would come the same again: its next change is asked for.
      if (delta.full !== undefined) memory.wanted.delete(key);
      const known = memory.inventory.get(key);
      rows.gaps.push(lostVersionGap(delta, known?.resourceVersion ?? '', `rejected: ${reason}`, at));
      return;
    }
  }
};

const takeAudit = (step: MessageStep, message: AuditMessage, at: At): void => {
  const { correlator } = step.memory;
  if (correlator.knows(message.digest)) return;
  const bytes = Buffer.byteLength(message.event);
  if (bytes > step.limits.auditEventBytes) {
    const detail = `the event has more than auditEventBytes, ${step.limits.auditEventBytes}`;
    reject(step, at, { source: 'audit', reason: tooLarge, detail, bytes });
    return;
  }
  const read = readAudit(message, at);
  if (read.type === 'rejected') {
    const rejected = { source: 'audit', reason: 'not-an-event', detail: read.reason, bytes };
    reject(step, at, rejected);
    return;
  }
  const { happenedAtUs, observedAtUs } = read.row;
  step.stream.lastAudit = { happenedAtUs, observedAtUs };
  step.rows.audits.push(read.row);
  takeLinks(step, correlator.audit(read.facts), at);
};

/** The first epoch of a cluster has nothing behind it that could be missing; a later one, what came after the one before. */
const takeGap = (step: MessageStep, gap: Gap, at: At): void => {
  if (gap.cause !== 'epoch_start') {
    step.rows.gaps.push(gapRow(gap, at));
    return;
  }
  const earlier = [...step.memory.streams.values()].filter((stream) => stream !== step.stream);
  if (earlier.length === 0) return;
  const heardUs = Math.max(...earlier.map(({ lastObservedUs }) => lastObservedUs));
  const fromUs = gap.fromUs === 0 ? Math.min(heardUs, gap.toUs) : gap.fromUs;
  const detail = gap.detail === '' ? 'agent state lost' : `agent state lost; ${gap.detail}`;
  const row = gapRow({ ...gap, fromUs, detail }, at);
  if (gap.resource === '') recordGapInAll(step, row, (stream) => stream !== step.stream);
  else step.rows.gaps.push(row);
};

const takeKindSynced = (step: MessageStep, synced: KindSynced, at: At): void => {
  const { memory, stream } = step;
  // A stream that was already succeeded does not decide what exists.
  if (!isNewestEpoch(memory, stream.epoch)) return;
  const { deleted, unsure } = syncKind(memory.inventory, synced, stream);
  for (const entry of deleted) {
    memory.wanted.delete(objectKey(entry.ref));
    judgeAndCorrelate(step, sweptRow(entry, synced, at), { after: undefined, before: () => entry.object() });
    askForInstances(step, entry.ref);
  }
  for (const ref of unsure) step.needFull.set(objectKey(ref), ref);
  if (memory.streams.size > 1) step.rows.coverage.push(listedRow(synced, unsure.length === 0, at));
};

/**
 * Whether there is something to compare, and room for it in this batch. What is not answered is sent again: the agent
 * misses the verdict.
 */
const mayCompare = (
  { memory, stream, comparing }: MessageStep,
  { group, resource }: KindDigest | KindEntries,
): boolean => {
  if (!isNewestEpoch(memory, stream.epoch) || comparing.leftObjects <= 0) return false;
  comparing.leftObjects -= 1 + memory.inventory.countOf(group, resource);
  return true;
};

const takeDigest = (step: MessageStep, digest: KindDigest, at: At): void => {
  if (!mayCompare(step, digest)) return;
  const { verdict, difference } = compareDigest(step.memory.inventory, digest);
  step.metrics.comparisons.inc({ outcome: verdict.outcome });
  step.verdicts.push(verdictOn(digest, at, verdict));
  if (difference !== '' && digest.cause === 'self-check') step.rows.gaps.push(divergenceGap(digest, difference, at));
};

const takeEntries = (step: MessageStep, entries: KindEntries, at: At): void => {
  if (!mayCompare(step, entries)) return;
  for (const verdict of compareEntries(step.memory.inventory, entries)) {
    step.verdicts.push(verdictOn(entries, at, verdict));
  }
};

const verdictOn = (
  { group, resource }: KindDigest | KindEntries,
  { sequence }: At,
  verdict: KindVerdict['verdict'],
): KindVerdict => ({ type: 'kind-verdict', group, resource, sequence, verdict });

const takeCoverage = ({ memory, rows }: MessageStep, coverage: Coverage, at: At): void => {
  const { group, resource, kind, state, reason } = coverage;
  // A new epoch lists everything again; what is held since an earlier one is as good as it was.
  if (state === 'listing' && memory.judge.coverageOf({ group, kind }) === 'watched') return;
  rows.coverage.push({ ...at, group, resource, kind, state, reason });
  if (isAuditEvents(coverage)) memory.isAuditWatched = state === 'watched';
  memory.judge.coverage({ group, kind }, state, at, rows);
};

const take = (step: MessageStep, body: MessageBody, at: At): void => {
  switch (body.type) {
    case 'delta':
      return takeDelta(step, body, at);
    case 'audit':
      return takeAudit(step, body, at);
    case 'gap':
      return takeGap(step, body, at);
    case 'kind-synced':
      return takeKindSynced(step, body, at);
    case 'kind-digest':
      return takeDigest(step, body, at);
    case 'kind-entries':
      return takeEntries(step, body, at);
    case 'coverage':
      return takeCoverage(step, body, at);
    case 'rejected':
      return reject(step, at, body);
  }
};

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'failure');

export const applyMessage = (step: MessageStep, message: Message, sequence: number): void => {
  const { body, observedAtUs } = message;
  const at: At = { sequence, observedAtUs };
  step.metrics.messages.inc({ type: body.type });
  try {
    take(step, body, at);
  } catch (error) {
    step.onFailure(error, body);
    reject(step, at, { source: body.type, reason: 'failed', detail: nameOf(error), bytes: 0 });
    const isRecorded = step.rows.versions.at(-1)?.sequence === sequence;
    if (body.type === 'delta' && !isRecorded)
      step.rows.gaps.push(lostVersionGap(body, '', 'the delta could not be applied', at));
  }
  step.stream.lastObservedUs = observedAtUs;
};
