/**
 * What recording a list of batches means, worked out before anything is sent: which rows each table gets and the commit
 * row of each batch. Pure but for the stream states it advances.
 */
import { batchLink, batchRoot, chainVersion } from '../chain/chain.ts';
import type { RecordedBatch } from '../rows.ts';
import type { RefusedStream } from '../timeline.ts';
import { TimelineError } from '../timeline-error.ts';
import { type StoredRow, storedRows } from './stored-row.ts';
import type { StreamState } from './stream-state.ts';
import { type FieldValues, recordTables, type Table } from './tables.ts';

export type TableRows = { readonly state: StreamState; readonly rows: readonly StoredRow[] };

export type Plan = {
  /** By table name: rows to insert, of whichever streams. */
  readonly inserts: ReadonlyMap<string, readonly TableRows[]>;
  readonly commits: readonly FieldValues[];
  readonly advances: readonly { readonly state: StreamState; readonly lastSequence: number }[];
  /** Their batches are in none of the above. */
  readonly refused: readonly RefusedStream[];
};

export type PlanContext = { readonly recordedAtUs: number; readonly generation: number };

/**
 * Batches at or below what is planned already are left out. A batch that does not continue its stream ('bad-batch')
 * refuses the stream, this batch and all later ones; the other streams are planned.
 */
export function planBatches(
  batches: readonly { readonly batch: RecordedBatch; readonly state: StreamState }[],
  context: PlanContext,
): Plan {
  const { fresh, refused } = selectFresh(batches);
  const inserts = new Map<string, TableRows[]>();
  const commits: FieldValues[] = [];
  for (const { batch, state } of fresh) {
    const placed: { readonly sequence: number; readonly digest: string }[] = [];
    const counts: Record<string, number> = {};
    for (const table of recordTables) {
      const { missing, stored } = completeTable(table, batch, state);
      if (missing.length > 0) append(inserts, table.name, { state, rows: missing });
      if (stored.length > 0) counts[table.name] = stored.length;
      placed.push(...stored);
    }
    // Stable: within a sequence, tables and indexes keep the order they have here.
    const digests = placed.sort((a, b) => a.sequence - b.sequence).map(({ digest }) => digest);
    commits.push(commitRow({ batch, state, counts, root: batchRoot(digests) }, context));
  }
  const advances = fresh.map(({ batch, state }) => ({ state, lastSequence: batch.lastSequence }));
  return { inserts, commits, advances, refused };
}

type Fresh = readonly { readonly batch: RecordedBatch; readonly state: StreamState }[];

function selectFresh(batches: Fresh): { readonly fresh: Fresh; readonly refused: readonly RefusedStream[] } {
  const planned = new Map<StreamState, number>();
  const refused = new Set<StreamState>();
  const fresh = batches.filter(({ batch, state }) => {
    const upTo = planned.get(state) ?? state.plannedSequence;
    if (state.refusal === undefined && batch.lastSequence <= upTo) return false;
    state.refusal ??= faultOf(batch, upTo);
    if (state.refusal === undefined) {
      planned.set(state, batch.lastSequence);
      return true;
    }
    refused.add(state);
    return false;
  });
  return { fresh, refused: [...refused].map(({ stream, refusal }) => ({ stream, error: refusal })) };
}

function faultOf(batch: RecordedBatch, upTo: number): TimelineError | undefined {
  const { firstSequence, lastSequence } = batch;
  if (firstSequence <= upTo || firstSequence > lastSequence) {
    return badBatch(batch, `recorded or planned already up to ${upTo}`);
  }
  return foreignRow(batch);
}

function foreignRow(batch: RecordedBatch): TimelineError | undefined {
  for (const table of recordTables) {
    for (const row of table.rows(batch)) {
      const sequence = row['sequence'] as number;
      if (sequence < batch.firstSequence || sequence > batch.lastSequence) {
        return badBatch(batch, `a row of ${table.name} has sequence ${sequence}`);
      }
    }
  }
  return undefined;
}

function badBatch(batch: RecordedBatch, why: string): TimelineError {
  const { tenant, cluster, epoch } = batch.stream;
  return new TimelineError(
    'bad-batch',
    `Batch ${batch.firstSequence}–${batch.lastSequence} of ${tenant}/${cluster} epoch ${epoch} cannot be recorded: ${why}. ` +
      'Boundaries of a batch must never change.',
  );
}

/**
 * A predecessor may have stored some rows of this batch before it died without its commit row. Those are not sent
 * again, and it is those that count for the batch's root, even where they differ from what is derived now.
 */
function completeTable(
  table: Table,
  batch: RecordedBatch,
  state: StreamState,
): { missing: readonly StoredRow[]; stored: readonly StoredRow[] } {
  const derived = storedRows(table, table.rows(batch));
  const unfinished = state.unfinished.get(table.name);
  if (unfinished === undefined) return { missing: derived, stored: derived };
  const own = unfinished.filter(({ sequence }) => sequence >= batch.firstSequence && sequence <= batch.lastSequence);
  const key = ({ sequence, index }: StoredRow) => `${sequence}.${index}`;
  const known = new Set(own.map(key));
  const missing = derived.filter((row) => !known.has(key(row)));
  const stored = [...own, ...missing].sort((a, b) => a.sequence - b.sequence || a.index - b.index);
  return { missing, stored };
}

function commitRow(
  made: { batch: RecordedBatch; state: StreamState; counts: Readonly<Record<string, number>>; root: string },
  context: PlanContext,
): FieldValues {
  const { batch, state, counts, root } = made;
  const { firstSequence, lastSequence } = batch;
  const prev = state.link;
  const link = batchLink({
    version: chainVersion,
    stream: state.stream,
    firstSequence,
    lastSequence,
    recordedAtUs: context.recordedAtUs,
    root,
    prev,
  });
  state.link = link;
  state.plannedSequence = lastSequence;
  return {
    ...state.stream,
    epochOrdinal: state.epochOrdinal,
    firstSequence,
    lastSequence,
    rowCounts: counts,
    newestObservedAtUs: newestObservedAtUs(batch),
    recordedAtUs: context.recordedAtUs,
    generation: context.generation,
    chainVersion,
    root,
    prev,
    link,
  };
}

function newestObservedAtUs(batch: RecordedBatch): number {
  const observed = [batch.versions, batch.audits, batch.gaps, batch.coverage, batch.rejected].map((rows) =>
    rows.reduce((newest, row) => Math.max(newest, row.observedAtUs), 0),
  );
  return Math.max(0, ...observed);
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
