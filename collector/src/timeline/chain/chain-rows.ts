/**
 * All rows of one stream in the order of the chain, from all tables in one answer: the server sorts (on disk when it
 * must), and sends the digests of long texts instead of the texts.
 */
import type { SqlFile } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import { type Column, recordTables, type Table } from '../writer/tables.ts';
import { type ChainRow, chainValue } from './chain.ts';

type AnswerRow = {
  readonly sequence: number;
  readonly tableOrder: number;
  readonly index: number;
  readonly columns: string;
};

const sortMemoryBytes = 256 * 1024 * 1024;

/** A stored row, in the form that each version of the chain digests. */
export type ReadChainRow = Pick<ChainRow, 'table' | 'sequence' | 'index'> & { as(version: number): ChainRow };

/** Rows up to and including `lastSequence`; later ones are not recorded yet. */
export async function* chainRows(
  reader: TimelineReader,
  stream: StreamId,
  lastSequence: number,
): AsyncGenerator<ReadChainRow, void, undefined> {
  for await (const row of reader.query<AnswerRow>(chainRowsSql, { ...stream, lastSequence })) {
    const table = recordTables[row.tableOrder];
    if (table === undefined) throw new RangeError(`no record table ${row.tableOrder}`);
    const stored = JSON.parse(row.columns) as readonly unknown[];
    const place = { table: table.name, sequence: row.sequence, index: row.index };
    const values = table.columns.map((column, i) => answeredValue(column, stored[i]));
    const as = (version: number) => ({
      ...place,
      values: values.filter((_, i) => (table.columns[i]?.since ?? 1) <= version),
    });
    yield { ...place, as };
  }
}

/** Long texts arrive as their digests already; 64-bit integers arrive quoted. */
function answeredValue(column: Column, value: unknown): unknown {
  if (column.isLong) return value;
  if (column.type === 'Int64' || column.type === 'UInt64') return Number(value);
  if (column.type.startsWith('Array(Tuple(manager ')) {
    return (value as readonly { timeUs: unknown }[]).map(({ timeUs, ...rest }) => managerValues({ ...rest, timeUs }));
  }
  return chainValue(column, value);
}

function managerValues(manager: Readonly<Record<string, unknown>>): readonly unknown[] {
  const { manager: name, operation, subresource, timeUs, paths } = manager;
  return [name, operation, subresource, Number(timeUs), paths];
}

const chainRowsSql: SqlFile = {
  name: 'rows of the chain',
  text: `SELECT sequence, table_order, \`index\`, columns
    FROM (${recordTables.map(tableSql).join('\nUNION ALL\n')})
    ORDER BY sequence, table_order, \`index\`
    SETTINGS max_bytes_before_external_sort = ${sortMemoryBytes}, enable_named_columns_in_function_tuple = 0`,
};

function tableSql(table: Table, order: number): string {
  const values = table.columns.map(({ name, isLong }) => (isLong ? `lower(hex(SHA256(\`${name}\`)))` : `\`${name}\``));
  return `SELECT sequence, ${order} AS table_order, \`index\`, toJSONString(tuple(${values.join(', ')})) AS columns
    FROM ${table.name}
    WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String} AND sequence <= {lastSequence:UInt64}`;
}
