/**
 * What the writer knows about a stream: how far it is recorded, how far it is planned, and what a predecessor left
 * unfinished. Loaded from the store the first time a stream is named.
 */
import { genesisLink } from '../chain/chain.ts';
import type { SqlFile } from '../reader/sql-file.ts';
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import type { StoredRow } from './stored-row.ts';
import { storedRowDigest } from './stored-row.ts';
import { recordTables, type Table } from './tables.ts';

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
  const unfinished = new Map<string, readonly StoredRow[]>();
  for (const table of recordTables) {
    const rows = await unfinishedRows(reader, table, { ...stream, sequence: recordedSequence });
    if (rows.length > 0) unfinished.set(table.name, rows);
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

async function unfinishedRows(
  reader: TimelineReader,
  table: Table,
  after: StreamId & { readonly sequence: number },
): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = [];
  for await (const row of reader.query<Record<string, unknown>>(unfinishedSql(table), after)) {
    const values = table.columns.map(({ field }) => row[field]);
    const at = { sequence: row['sequence'] as number, index: row['index'] as number };
    rows.push({ ...at, values: [], digest: storedRowDigest(table, values, at) });
  }
  return rows;
}

function unfinishedSql(table: Table): SqlFile {
  const columns = ['sequence', 'index', ...table.columns.map(({ name }) => name)]
    .map((name) => `\`${name}\``)
    .join(', ');
  return {
    name: `unfinished rows of ${table.name}`,
    text: `SELECT ${columns} FROM ${table.name}
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String} AND sequence > {sequence:UInt64}
      ORDER BY sequence, \`index\``,
  };
}
