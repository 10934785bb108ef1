/**
 * The store port. One implementation (ClickHouse over HTTP), two connections (embedded child, external server).
 * Append only: there is no call that changes or removes a record.
 */
import type {
  AuditHints,
  AuditRow,
  ChangeVerdictRow,
  CoverageRow,
  LinkRow,
  PostureRow,
  RecordedBatch,
  StreamId,
  TransitionRow,
  UnjudgedRow,
  VersionRow,
} from './rows.ts';
import type { Op } from '@driftline/proto';

export type ClusterId = { readonly tenant: string; readonly cluster: string };

/** A stream of which nothing more is taken until its cluster is forgotten: a batch did not continue what is stored. */
export type RefusedStream = { readonly stream: StreamId; readonly error: unknown };

/** Both ends included. */
export type SequenceRange = { readonly fromSequence: number; readonly toSequence: number };

export type UnfinishedRows = {
  readonly versions: readonly VersionRow[];
  readonly audits: readonly AuditRow[];
  /** Gaps, coverage, rejected input. */
  readonly others: readonly { readonly sequence: number; readonly observedAtUs: number }[];
};

export type TimelineWriter = {
  /**
   * Makes whole batches durable, in the order given and that of the calls, each exactly once; resolves after their
   * commit rows are durable. One insert per table carries all of them. Whatever the store answers, the same inserts are
   * tried again, for ever, with backoff and the same deduplication tokens: a store that is away or refuses (schema,
   * grants) only delays. Batches at or below the watermark are skipped. A predecessor's unfinished batch is completed,
   * not repeated. A batch that does not continue its stream is not recorded, nor is any later one of that stream: those
   * streams are the answer, the others are recorded. A rejection means that the writer is closed or broken.
   */
  record(batches: readonly RecordedBatch[]): Promise<readonly RefusedStream[]>;
  /** Last recorded sequence of a stream; 0 when none. */
  watermark(stream: StreamId): Promise<number>;
  /** Sequences above the watermark of which a predecessor left rows without a commit, in order. */
  unfinished(stream: StreamId): Promise<readonly number[]>;
  /** What of such rows came with messages, as opposed to what followed from them; in order. */
  readUnfinished(stream: StreamId, range: SequenceRange): Promise<UnfinishedRows>;
  close(): Promise<void>;
};

/** How far an epoch is recorded. `newestObservedAtUs`: of its rows; 0 when none says. */
export type RecordedEpoch = {
  readonly epoch: string;
  readonly recordedSequence: number;
  readonly newestObservedAtUs: number;
};

/** What a collector needs to rebuild its memory of one cluster; nothing past the last commit row. */
export type TimelineRecovery = {
  clusters(): Promise<readonly ClusterId[]>;
  /** Epochs of the cluster, oldest first, with their watermarks. */
  epochs(cluster: ClusterId): Promise<readonly RecordedEpoch[]>;
  /** Last version of every object that exists, streamed. `epoch` is the one that wrote it. */
  inventory(cluster: ClusterId): AsyncIterable<VersionRow & { readonly epoch: string }>;
  /** Last transition of every finding, open or not. */
  findings(cluster: ClusterId): AsyncIterable<TransitionRow & { readonly epoch: string }>;
  /** Last point of every scope. */
  posture(cluster: ClusterId): Promise<readonly PostureRow[]>;
  /** Points of all scopes within `spanUs` before the newest of the cluster, oldest first. */
  recentPosture(cluster: ClusterId, window: { readonly spanUs: number }): Promise<readonly PostureRow[]>;
  /** What could not be judged as of now: the last row of each (control, object), unless that is 'cleared'. */
  unjudged(cluster: ClusterId): Promise<readonly UnjudgedRow[]>;
  /** Kinds that were listed in that epoch, by their coverage rows of `listedReasons`; complete if one says so. */
  listedKinds(stream: StreamId): Promise<readonly ListedKind[]>;
  /** Names of the definitions of custom kinds that were deleted and are not there again. */
  endedDefinitions(cluster: ClusterId): Promise<readonly string[]>;
  /** Last coverage of every kind. */
  coverage(cluster: ClusterId): Promise<readonly CoverageRow[]>;
  /**
   * What the correlator may still link: changes, audit events and links observed within `spanUs` before the newest
   * record of the cluster, each in recorded order; of changes and of events at most the newest `entries`. Bodies stay
   * behind. A link counts as observed with the message that completed it.
   */
  recent(cluster: ClusterId, window: { readonly spanUs: number; readonly entries: number }): Promise<RecentRows>;
  /**
   * What another requester may still change: the last verdict row of each (change, control) with a context whose change
   * was observed within `spanUs` before the newest record of the cluster, in the order of the changes; of these changes at
   * most the newest `entries`.
   */
  openVerdicts(
    cluster: ClusterId,
    window: { readonly spanUs: number; readonly entries: number },
  ): Promise<readonly OpenVerdict[]>;
};

export type OpenVerdict = {
  readonly row: ChangeVerdictRow;
  /** Of the change. */
  readonly op: Op;
  readonly observedAtUs: number;
  /** Canonical JSON; '' when deleted. */
  readonly body: string;
  /** The version before, whatever its uid; undefined for an object's first. */
  readonly before: { readonly uid: string; readonly body: string } | undefined;
};

export type ListedKind = { readonly group: string; readonly resource: string; readonly isComplete: boolean };

export type RecentRows = {
  readonly versions: readonly (Omit<VersionRow, 'body'> & { readonly epoch: string })[];
  readonly audits: readonly (Omit<AuditRow, 'event'> & AuditHints & { readonly epoch: string })[];
  readonly links: readonly LinkRow[];
};
