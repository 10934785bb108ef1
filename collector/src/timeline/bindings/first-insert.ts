import type { ClickHouseClient } from '@clickhouse/client';
import { insertRows } from '../writer/insert-rows.ts';
import { fieldsInsert } from '../writer/table-inserts.ts';
import type { Column, FieldValues } from '../writer/tables.ts';

/**
 * Inserts a row unless another one was inserted under the same place before: ClickHouse drops what comes later under a
 * token it knows, which makes this the one conditional insert it has. Who came first shows by reading. A place names
 * something new (the ordinal after the latest), so the store's memory of 1,000 tokens a table is plenty.
 */
export const insertFirst = (
  client: ClickHouseClient,
  table: { readonly name: string; readonly columns: readonly Column[] },
  row: FieldValues,
  options: { readonly place: readonly (string | number)[]; readonly signal: AbortSignal },
): Promise<void> => {
  const request = fieldsInsert(table.name, table.columns, [row]);
  return insertRows(client, { ...request, token: JSON.stringify([table.name, ...options.place]) }, options.signal);
};
