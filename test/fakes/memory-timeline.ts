/**
 * A timeline in memory: a small real store behind the writer and recovery ports, held by the same contract suite as the
 * ClickHouse one. `openMemoryTimeline` on the same store again is a restart. Rows are cloned and frozen on the way in,
 * so that a caller that keeps writing to what it recorded is found out.
 */
import { listedReasons } from '@driftline/collector';
import type { UnfinishedRows } from '@driftline/collector';
import { parseAuditEvent } from '@driftline/proto';
import type {
  AuditHints,
  AuditRow,
  ChangeVerdictRow,
  ClusterId,
  CoverageRow,
  LinkRow,
  ListedKind,
  OpenVerdict,
  RecentRows,
  RecordedBatch,
  StreamId,
  TimelineRecovery,
  TimelineWriter,
  VersionRow,
} from '@driftline/collector';

const observedUs = ({ versions, audits, gaps, coverage, rejected }: RecordedBatch): readonly number[] =>
  [versions, audits, gaps, coverage, rejected].flat().map(({ observedAtUs }) => observedAtUs);

export type MemoryStore = {
  /** Every recorded batch, in the order of recording. */
  readonly batches: RecordedBatch[];
  /** Waits before a group becomes durable; undefined: one turn of the event loop. */
  delay?: (() => Promise<void>) | undefined;
  /** The store refuses from now on. */
  refusal?: Error | undefined;
  /** What a writer before this one left of every stream without a commit; sequences of rows of other tables, too. */
  unfinished?: { readonly sequences: readonly number[]; readonly rows: UnfinishedRows };
  /** Calls of `record`, for tests of grouping. */
  groups: number;
};

export const createMemoryStore = (): MemoryStore => ({ batches: [], groups: 0 });

type Epoched<T> = T & { readonly epoch: string };

const inCluster = (id: ClusterId, stream: StreamId): boolean =>
  stream.tenant === id.tenant && stream.cluster === id.cluster;

const sameStream = (a: StreamId, b: StreamId): boolean => inCluster(a, b) && a.epoch === b.epoch;

const placeOf = (row: {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): string => [row.group, row.kind, row.namespace, row.name].join('\n');

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
};

const lastBy = <T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T> => {
  const last = new Map<string, T>();
  for (const row of rows) {
    last.delete(keyOf(row));
    last.set(keyOf(row), row);
  }
  return last;
};

const watermarkOf = (store: MemoryStore, stream: StreamId): number =>
  store.batches.findLast((batch) => sameStream(batch.stream, stream))?.lastSequence ?? 0;

export const openMemoryTimeline = (store: MemoryStore): TimelineWriter & TimelineRecovery => {
  let isClosed = false;
  let committing: Promise<void> = Promise.resolve();
  const of = (id: ClusterId): readonly RecordedBatch[] => store.batches.filter((batch) => inCluster(id, batch.stream));
  const rows = <K extends 'versions' | 'audits'>(id: ClusterId, table: K): Epoched<RecordedBatch[K][number]>[] =>
    of(id).flatMap((batch) => batch[table].map((row) => ({ ...row, epoch: batch.stream.epoch })));
  /** By what the rows themselves say, as a store must that keeps no order of its own; stable within a stream. */
  const judged = <K extends 'transitions' | 'posture' | 'unjudged'>(id: ClusterId, table: K) => {
    type Judged = { readonly row: RecordedBatch[K][number]; readonly epoch: string };
    const all = of(id).flatMap(({ stream, ...batch }) =>
      batch[table].map((row): Judged => ({ row, epoch: stream.epoch })),
    );
    const isAgents = ({ epoch }: Judged): number => Number(epoch !== 'collector');
    return all.sort((a, b) => a.row.afterOwn - b.row.afterOwn || isAgents(a) - isAgents(b));
  };

  return {
    async record(batches) {
      store.groups += 1;
      const earlier = committing;
      const commit = Promise.withResolvers<void>();
      committing = commit.promise;
      await (store.delay?.() ?? new Promise<void>((resolve) => setImmediate(resolve)));
      // Calls may overlap; they become durable in their order.
      await earlier;
      commit.resolve();
      if (isClosed) throw new Error('memory timeline: closed');
      if (store.refusal !== undefined) throw store.refusal;
      for (const batch of batches) {
        const watermark = watermarkOf(store, batch.stream);
        if (batch.lastSequence <= watermark) continue;
        if (batch.firstSequence <= watermark) throw new Error('memory timeline: a batch straddles the watermark');
        store.batches.push(freeze(structuredClone(batch)));
      }
      return [];
    },
    async watermark(stream) {
      return watermarkOf(store, stream);
    },
    async unfinished(stream) {
      const watermark = watermarkOf(store, stream);
      return (store.unfinished?.sequences ?? []).filter((sequence) => sequence > watermark);
    },
    async readUnfinished(_stream, { fromSequence, toSequence }) {
      const isIn = ({ sequence }: { readonly sequence: number }) => fromSequence <= sequence && sequence <= toSequence;
      const { versions = [], audits = [], others = [] } = store.unfinished?.rows ?? {};
      return { versions: versions.filter(isIn), audits: audits.filter(isIn), others: others.filter(isIn) };
    },
    async close() {
      isClosed = true;
    },
    async clusters() {
      return [
        ...lastBy(
          store.batches.map(({ stream: { tenant, cluster } }) => ({ tenant, cluster })),
          ({ tenant, cluster }) => `${tenant}\n${cluster}`,
        ).values(),
      ];
    },
    async epochs(id) {
      const byEpoch = Map.groupBy(of(id), ({ stream }) => stream.epoch);
      return [...byEpoch].map(([epoch, batches]) => ({
        epoch,
        recordedSequence: batches.at(-1)?.lastSequence ?? 0,
        newestObservedAtUs: Math.max(0, ...batches.flatMap(observedUs)),
      }));
    },
    async *inventory(id) {
      const last = lastBy<Epoched<VersionRow>>(rows(id, 'versions'), placeOf);
      for (const row of last.values()) if (row.op !== 'deleted') yield row;
    },
    async *findings(id) {
      for (const { row, epoch } of lastBy(judged(id, 'transitions'), (each) => each.row.findingId).values())
        yield { ...row, epoch };
    },
    async posture(id) {
      return [...lastBy(judged(id, 'posture'), ({ row }) => row.scope).values()].map(({ row }) => row);
    },
    async recentPosture(id, { spanUs }) {
      const all = judged(id, 'posture').map(({ row }) => row);
      const newestUs = all.reduce((newest, { atUs }) => Math.max(newest, atUs), 0);
      return all.filter(({ atUs }) => atUs >= newestUs - spanUs);
    },
    async unjudged(id) {
      const last = lastBy(judged(id, 'unjudged'), ({ row }) => `${row.control}\n${placeOf(row)}`);
      return [...last.values()].map(({ row }) => row).filter((row) => row.state !== 'cleared');
    },
    async endedDefinitions(id) {
      const last = lastBy<Epoched<VersionRow>>(rows(id, 'versions'), placeOf);
      return [...last.values()]
        .filter(({ resource, op }) => resource === 'customresourcedefinitions' && op === 'deleted')
        .map(({ name }) => name)
        .sort();
    },
    async listedKinds(stream) {
      const all = store.batches.filter((batch) => sameStream(batch.stream, stream)).flatMap(({ coverage }) => coverage);
      const kinds = new Map<string, ListedKind>();
      for (const { group, resource, reason } of all) {
        const key = `${group}\n${resource}`;
        const isComplete = reason === listedReasons.complete || kinds.get(key)?.isComplete === true;
        if (isComplete || reason === listedReasons.open) kinds.set(key, { group, resource, isComplete });
      }
      return [...kinds.values()];
    },
    async coverage(id) {
      const all = of(id).flatMap<CoverageRow>((batch) => [...batch.coverage]);
      return [...lastBy(all, (row) => `${row.group}\n${row.resource}`).values()];
    },
    async recent(id, { spanUs, entries }): Promise<RecentRows> {
      const versions = rows(id, 'versions');
      const audits = rows(id, 'audits');
      const observed = new Map<string, number>();
      for (const row of [...versions, ...audits]) observed.set(`${row.epoch}\n${row.sequence}`, row.observedAtUs);
      const sinceUs = Math.max(0, ...observed.values()) - spanUs;
      const links = of(id).flatMap<LinkRow>(({ stream, links }) =>
        links.filter((link) => (observed.get(`${stream.epoch}\n${link.sequence}`) ?? 0) >= sinceUs),
      );
      return {
        versions: versions.filter((row) => row.observedAtUs >= sinceUs).slice(-entries),
        audits: audits
          .filter((row) => row.observedAtUs >= sinceUs)
          .slice(-entries)
          .map((row) => ({ ...row, ...hintsOf(row) })),
        links,
      };
    },
    async openVerdicts(id, { spanUs, entries }) {
      const versions = rows(id, 'versions');
      const newestUs = Math.max(0, ...[...versions, ...rows(id, 'audits')].map(({ observedAtUs }) => observedAtUs));
      const said = lastBy(
        of(id).flatMap<ChangeVerdictRow>(({ changeVerdicts }) =>
          changeVerdicts.filter(({ context }) => context !== ''),
        ),
        ({ verdictId }) => verdictId,
      );
      const byPlace = Map.groupBy(versions, placeOf);
      const open = versions.flatMap((version) => {
        const own = [...said.values()].filter(
          (row) =>
            row.changeEpoch === version.epoch &&
            row.changeSequence === version.sequence &&
            row.uid === version.uid &&
            placeOf(row) === placeOf(version),
        );
        const { op, observedAtUs, body } = version;
        const history = byPlace.get(placeOf(version)) ?? [];
        const previous = history[history.indexOf(version) - 1];
        const before = previous === undefined ? undefined : { uid: previous.uid, body: previous.body };
        if (own.length === 0 || observedAtUs < newestUs - spanUs) return [];
        return [own.map((row): OpenVerdict => ({ row, op, observedAtUs, body, before }))];
      });
      return open.slice(-entries).flat();
    },
  };
};

const hintsOf = ({ event }: AuditRow): AuditHints => {
  const parsed = parseAuditEvent(event);
  if (!parsed.ok) return { fieldManager: '', requestVersion: '', receivedAtUs: 0 };
  const { fieldManager, requestVersion, receivedAtUs } = parsed.fields;
  return { fieldManager, requestVersion, receivedAtUs };
};
