/** One insert: one table, one HTTP request, one block, one deduplication token. */
import { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';

export type InsertRequest = {
  readonly table: string;
  /** RowBinaryWithNamesAndTypes, header included. */
  readonly bytes: Buffer;
  readonly columnNames: readonly string[];
  /** Same token, same rows: the server stores them once however often they are sent. */
  readonly token: string;
};

/** Resolves when the rows are durable. */
export async function insertRows(client: ClickHouseClient, request: InsertRequest, signal: AbortSignal): Promise<void> {
  const columns = request.columnNames.map((name) => `\`${name}\``).join(', ');
  const result = await client.exec({
    query: `INSERT INTO ${request.table} (${columns}) FORMAT RowBinaryWithNamesAndTypes`,
    values: streamOf(request.bytes),
    abort_signal: signal,
    clickhouse_settings: {
      // One block has no use for more: handing it to other threads costs a tenth of a small insert.
      max_threads: 1,
      insert_deduplicate: 1,
      insert_deduplication_token: request.token,
      // Months come from the observers' clocks; a wild one makes small parts, not a refusal that blocks the line.
      throw_on_max_partitions_per_insert_block: 0,
    },
  });
  for await (const _ of result.stream);
}

/** All of it at once; `Readable.from` would take several turns of the event loop to ask an iterator for one item. */
function streamOf(bytes: Buffer): Readable {
  return new Readable({
    read() {
      this.push(bytes);
      this.push(null);
    },
  });
}
