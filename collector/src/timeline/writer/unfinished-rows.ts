/** Rows that a writer left beyond the watermark when it ended before their commit row. */
import type { SqlFile } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { AuditRow, StreamId, VersionRow } from '../rows.ts';
import type { SequenceRange, UnfinishedRows } from '../timeline.ts';
import { recordTables, type Table } from './tables.ts';

export type UnfinishedRow = Readonly<Record<string, unknown>> & { readonly sequence: number; readonly index: number };

/** In order, with the fields of the table. */
export function unfinishedRowsOf(
  reader: TimelineReader,
  table: Table,
  stream: StreamId,
  range: SequenceRange,
): AsyncIterable<UnfinishedRow> {
  return reader.query<UnfinishedRow>(sqlOf(table), { ...stream, ...range });
}

/** The record tables that hold such rows: asked at once, because most often none does. */
export async function tablesWithUnfinished(
  reader: TimelineReader,
  stream: StreamId,
  range: SequenceRange,
): Promise<readonly Table[]> {
  const found = await reader.all<{ readonly holder: string }>(holdersSql, { ...stream, ...range });
  return recordTables.filter(({ name }) => found.some(({ holder }) => holder === name));
}

/** What came with messages, as opposed to what followed from them. */
export async function readUnfinished(
  reader: TimelineReader,
  stream: StreamId,
  range: SequenceRange,
): Promise<UnfinishedRows> {
  const of = async <Row>(name: string): Promise<Row[]> => {
    const table = recordTables.find((each) => each.name === name);
    const rows: Row[] = [];
    if (table === undefined) return rows;
    for await (const row of unfinishedRowsOf(reader, table, stream, range)) rows.push(row as Row);
    return rows;
  };
  const others: UnfinishedRows['others'][number][] = [];
  for (const name of ['gaps', 'coverage', 'rejected']) others.push(...(await of<(typeof others)[number]>(name)));
  return { versions: await of<VersionRow>('resource_versions'), audits: await of<AuditRow>('audit_events'), others };
}

const isUnfinished = `tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND sequence BETWEEN {fromSequence:UInt64} AND {toSequence:UInt64}`;

const holdersSql: SqlFile = {
  name: 'tables with unfinished rows',
  text: recordTables
    .map(({ name }) => `SELECT '${name}' AS holder FROM ${name} WHERE ${isUnfinished} LIMIT 1`)
    .join(' UNION ALL '),
};

function sqlOf(table: Table): SqlFile {
  const columns = ['sequence', 'index', ...table.columns.map(({ name }) => name)]
    .map((name) => `\`${name}\``)
    .join(', ');
  return {
    name: `unfinished rows of ${table.name}`,
    text: `SELECT ${columns} FROM ${table.name}
      WHERE ${isUnfinished}
      ORDER BY sequence, \`index\``,
  };
}
