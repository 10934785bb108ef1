/**
 * What the writer knows about a stream: how far it is recorded, how far it is planned, and what a predecessor left
 * unfinished. Loaded from the store the first time a stream is named.
 */
import { genesisLink } from '../chain/chain.ts';
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import type { StoredRow } from './stored-row.ts';
import { storedRowDigest } from './stored-row.ts';
import { tablesWithUnfinished, unfinishedRowsOf } from './unfinished-rows.ts';

export type StreamState = {
  readonly stream: StreamId;
  readonly epochOrdinal: number;
  /** Last sequence with a durable commit row. */
  recordedSequence: number;
  /** Last sequence on its way there. */
  plannedSequence: number;
  /** Link of the last planned batch. */
  link: string;
  /** Why nothing more is taken of the stream, once a batch did not continue it; until the state is loaded anew. */
  refusal: unknown;
  /** Rows beyond the watermark that were in the store when the state was loaded, by table. */
  readonly unfinished: ReadonlyMap<string, readonly StoredRow[]>;
};

const watermarkSql = loadSql(import.meta.url, './stream-watermark.sql');

type Watermark = { readonly lastSequence: number; readonly link: string };

export async function loadStreamState(
  reader: TimelineReader,
  stream: StreamId,
  epochOrdinal: number,
): Promise<StreamState> {
  const [last] = await reader.all<Watermark>(watermarkSql, stream);
  const recordedSequence = last?.lastSequence ?? 0;
  const beyond = { fromSequence: recordedSequence + 1, toSequence: Number.MAX_SAFE_INTEGER };
  const unfinished = new Map<string, readonly StoredRow[]>();
  for (const table of await tablesWithUnfinished(reader, stream, beyond)) {
    const rows: StoredRow[] = [];
    for await (const row of unfinishedRowsOf(reader, table, stream, beyond)) {
      const values = table.columns.map(({ field }) => row[field]);
      const { sequence, index } = row;
      rows.push({ sequence, index, values: [], digest: storedRowDigest(table, values, { sequence, index }) });
    }
    unfinished.set(table.name, rows);
  }
  return {
    stream,
    epochOrdinal,
    recordedSequence,
    plannedSequence: recordedSequence,
    link: last?.link ?? genesisLink,
    refusal: undefined,
    unfinished,
  };
}
