/**
 * What a collector remembers of one cluster. All of it follows from the timeline: `recoverCluster` rebuilds it after a
 * restart or when another worker takes the cluster over.
 */
import { isAuditEvents, objectKey } from '@driftline/proto';
import type { ObjectRef } from '@driftline/proto';
import type { HeardAudit } from './audit-gaps.ts';
import { createCorrelator } from './forensics/correlate.ts';
import type { Correlator, CorrelatorLimits } from './forensics/correlate.ts';
import { definitionOf } from './inventory/definitions.ts';
import { sha256 } from './inventory/hash.ts';
import { createInventory } from './inventory/inventory.ts';
import type { Inventory, InventoryLimits } from './inventory/inventory.ts';
import type { ClusterJudge } from './judge/cluster-judge.ts';
import type { ScoreLimits } from './judge/score-limits.ts';
import type { CoverageRow, PostureRow, TransitionRow, UnjudgedRow } from './timeline/rows.ts';
import type { ClusterId, OpenVerdict, TimelineRecovery } from './timeline/timeline.ts';

/**
 * The collector's own stream in a cluster's timeline, for what no agent message causes: deadlines and new bundles. It
 * has an epoch's name and sequences of its own, so that its rows are recorded exactly once like all others.
 */
export const collectorEpoch = 'collector';

export type StreamMemory = {
  readonly epoch: string;
  /** The sequence that continues the stream; runs ahead of `recordedSequence` while rows are being written. */
  nextSequence: number;
  recordedSequence: number;
  /** Whether this process has applied the stream from its first message on. */
  readonly seenFromStart: boolean;
  lastObservedUs: number;
  lastAudit: HeardAudit | undefined;
  /** When a hole was last asked for again, milliseconds of the pipeline's clock; 0 when none is open. */
  resendAskedAtMs: number;
};

/** An object that was asked for whole and has not come yet. */
export type Wanted = { readonly ref: ObjectRef; readonly epoch: string; askedAtMs: number; attempts: number };

export type ClusterMemory = {
  readonly id: ClusterId;
  readonly inventory: Inventory;
  readonly judge: ClusterJudge;
  readonly correlator: Correlator;
  /** Agent epochs by name, oldest first. */
  readonly streams: Map<string, StreamMemory>;
  readonly own: StreamMemory;
  readonly wanted: Map<string, Wanted>;
  /** By its last coverage the cluster's agent collects audit events. */
  isAuditWatched: boolean;
};

const openStream = (epoch: string, recordedSequence: number, lastObservedUs = 0): StreamMemory => ({
  epoch,
  nextSequence: recordedSequence + 1,
  recordedSequence,
  seenFromStart: recordedSequence === 0,
  lastObservedUs,
  lastAudit: undefined,
  resendAskedAtMs: 0,
});

/**
 * When something of the collector's own stream happens: after everything judged before it, whatever the agents' clocks
 * and ours say, so that what is shown by time is shown in this order, too.
 */
export const ownMoment = ({ own, streams }: ClusterMemory, nowMs: number): number => {
  const newestUs = [own, ...streams.values()].reduce((newest, stream) => Math.max(newest, stream.lastObservedUs), 0);
  return Math.max(Math.trunc(nowMs * 1000), newestUs + 1);
};

/** The memory of an agent's stream, opened when this is its first batch. */
export const streamOf = (memory: ClusterMemory, epoch: string): StreamMemory => {
  const known = memory.streams.get(epoch);
  if (known !== undefined) return known;
  const opened = openStream(epoch, 0);
  memory.streams.set(epoch, opened);
  return opened;
};

export const isNewestEpoch = (memory: ClusterMemory, epoch: string): boolean =>
  [...memory.streams.keys()].at(-1) === epoch;

export type MemoryLimits = {
  readonly inventory: InventoryLimits;
  readonly correlator: CorrelatorLimits;
  readonly scores: ScoreLimits;
};

/** What an earlier life of the judge ended with. */
export type JudgedBefore = {
  readonly findings: readonly (TransitionRow & { readonly epoch: string })[];
  readonly posture: readonly PostureRow[];
  /** Points of the time in which falls count, oldest first. */
  readonly recentPosture: readonly PostureRow[];
  readonly unjudged: readonly UnjudgedRow[];
  readonly coverage: readonly CoverageRow[];
  readonly openVerdicts: readonly OpenVerdict[];
};

export type OpenJudge = (id: ClusterId, inventory: Inventory, before: JudgedBefore) => ClusterJudge;

/**
 * The objects as they were last recorded. Those of a kind that the newest epoch has listed are as of that epoch, even
 * where it had nothing to record of them; where older ones were asked for, and perhaps not answered, they are wanted. So
 * are those whose kind has lost its definition.
 *
 * @param newestEpoch of the agents; undefined when none is recorded
 */
const recoverInventory = async (
  recovery: TimelineRecovery,
  id: ClusterId,
  { limits, newestEpoch }: { readonly limits: InventoryLimits; readonly newestEpoch: string | undefined },
): Promise<Pick<ClusterMemory, 'inventory' | 'wanted'>> => {
  const inventory = createInventory(limits);
  const wanted = new Map<string, Wanted>();
  const kinds = newestEpoch === undefined ? [] : await recovery.listedKinds({ ...id, epoch: newestEpoch });
  const listed = new Map(kinds.map((each) => [`${each.group}\n${each.resource}`, each]));
  const ended = new Set(newestEpoch === undefined ? [] : await recovery.endedDefinitions(id));
  for await (const row of recovery.inventory(id)) {
    if (row.op === 'deleted') continue;
    const { group, resource, kind, namespace, name, uid, apiVersion, resourceVersion, body } = row;
    const ref: ObjectRef = { group, resource, kind, namespace, name, uid };
    const list = listed.get(`${group}\n${resource}`);
    const epoch = newestEpoch !== undefined && list?.isComplete === true ? newestEpoch : row.epoch;
    inventory.put({ ref, apiVersion, resourceVersion, contentHash: sha256(body), epoch }, body);
    const isUnsure = list?.isComplete === false && epoch !== newestEpoch;
    if (newestEpoch !== undefined && (isUnsure || ended.has(definitionOf(ref))))
      wanted.set(objectKey(ref), { ref, epoch: newestEpoch, askedAtMs: 0, attempts: 0 });
  }
  return { inventory, wanted };
};

/** As long as a point of a score still decides what may be written, in microseconds. */
const spanOf = ({ regressionWindowMs, burstMs }: ScoreLimits): number => Math.max(regressionWindowMs, burstMs) * 1000;

const recoverJudged = async (
  recovery: TimelineRecovery,
  id: ClusterId,
  limits: MemoryLimits,
): Promise<JudgedBefore> => {
  const { windowUs, windowEntries } = limits.correlator;
  const findings: JudgedBefore['findings'][number][] = [];
  for await (const row of recovery.findings(id)) findings.push(row);
  const [posture, recentPosture, unjudged, coverage, openVerdicts] = await Promise.all([
    recovery.posture(id),
    recovery.recentPosture(id, { spanUs: spanOf(limits.scores) }),
    recovery.unjudged(id),
    recovery.coverage(id),
    recovery.openVerdicts(id, { spanUs: windowUs, entries: windowEntries }),
  ]);
  return { findings, posture, recentPosture, unjudged, coverage, openVerdicts };
};

export const recoverCluster = async (
  recovery: TimelineRecovery,
  openJudge: OpenJudge,
  id: ClusterId,
  limits: MemoryLimits,
): Promise<ClusterMemory> => {
  const epochs = await recovery.epochs(id);
  const newestEpoch = epochs.findLast(({ epoch }) => epoch !== collectorEpoch)?.epoch;
  const { inventory, wanted } = await recoverInventory(recovery, id, { limits: limits.inventory, newestEpoch });
  const before = await recoverJudged(recovery, id, limits);
  const correlator = createCorrelator(limits.correlator);
  const streams = new Map<string, StreamMemory>();
  let own = openStream(collectorEpoch, 0);
  for (const { epoch, recordedSequence, newestObservedAtUs } of epochs) {
    if (epoch === collectorEpoch) own = openStream(epoch, recordedSequence);
    else streams.set(epoch, openStream(epoch, recordedSequence, newestObservedAtUs));
  }
  const { windowUs, windowEntries } = limits.correlator;
  const recent = await recovery.recent(id, { spanUs: windowUs, entries: windowEntries });
  correlator.restore(recent);
  for (const { epoch, happenedAtUs, observedAtUs } of recent.audits) {
    const stream = streams.get(epoch);
    if (stream !== undefined) stream.lastAudit = { happenedAtUs, observedAtUs };
  }
  const judge = openJudge(id, inventory, before);
  const judgedAtUs = [...before.findings, ...before.posture, ...before.unjudged].map(({ atUs }) => atUs);
  own.lastObservedUs = judgedAtUs.reduce((newest, atUs) => Math.max(newest, atUs), 0);
  const isAuditWatched = before.coverage.some((row) => isAuditEvents(row) && row.state === 'watched');
  return { id, inventory, judge, correlator, streams, own, wanted, isAuditWatched };
};
