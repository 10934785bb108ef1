/** What the store holds of a stream, and what it should hold, in one comparable form: all rows of all tables. */
import { isDeepStrictEqual } from 'node:util';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { RecordedBatch, StreamId } from '../rows.ts';
import { storedRows } from '../writer/stored-row.ts';
import { recordTables } from '../writer/tables.ts';

export type Content = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

export async function storedContent(reader: TimelineReader, stream: StreamId): Promise<Content> {
  const content: Record<string, readonly Record<string, unknown>[]> = {};
  for (const { name, columns } of recordTables) {
    const list = ['sequence', 'index', ...columns.map((column) => column.name)]
      .map((column) => `\`${column}\``)
      .join(', ');
    const text = `SELECT ${list} FROM ${name}
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String} ORDER BY sequence, \`index\``;
    content[name] = await reader.all<Record<string, unknown>>({ name, text }, stream);
  }
  return content;
}

export function expectedContent(batches: readonly RecordedBatch[]): Content {
  return Object.fromEntries(
    recordTables.map((table) => [
      table.name,
      batches
        .flatMap((batch) => storedRows(table, table.rows(batch)))
        .map(({ sequence, index, values }) => ({
          sequence,
          index,
          ...Object.fromEntries(table.columns.map(({ field }, i) => [field, values[i]])),
        })),
    ]),
  );
}

/** Quick yes or no for large contents; assert.deepEqual tells where. */
export const sameContent = (a: Content, b: Content): boolean => isDeepStrictEqual(a, b);
