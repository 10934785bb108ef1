/**
 * Durable places in the timeline, for whoever follows it (forwarders). A name is the follower's own text, a position
 * too. Saving costs an insert: once a second and follower is plenty. Each name has one owner at a time.
 */
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { loadSql } from '../reader/sql-file.ts';
import { timelineReader } from '../reader/timeline-reader.ts';
import { insertRows } from '../writer/insert-rows.ts';
import { fieldsInsert } from '../writer/table-inserts.ts';
import { column } from '../writer/tables.ts';

export type TimelineCursors = {
  /** Positions of all cursors whose names begin with the prefix. */
  all(prefix: string): Promise<ReadonlyMap<string, string>>;
  /** Durable once resolved; rejects as the store does (the caller tries again). */
  save(name: string, position: string): Promise<void>;
  /** Several, by name, in one insert. */
  saveAll(positions: ReadonlyMap<string, string>): Promise<void>;
  close(): Promise<void>;
};

const cursorsSql = loadSql(import.meta.url, './cursors.sql');
const columns = [column('name', 'String'), column('position', 'String'), column('atUs', 'Int64')];

export function openTimelineCursors(connection: StoreConnection, nowUs: () => number): TimelineCursors {
  const client = openStoreClient(connection, 'writer');
  const reader = timelineReader(client);
  const closing = new AbortController();
  /** The newest time wins, so time must not run backwards under a cursor whatever the clock does. */
  const newestUs = new Map<string, number>();
  async function all(prefix: string): Promise<ReadonlyMap<string, string>> {
    const rows = await reader.all<{ name: string; position: string; atUs: number }>(cursorsSql, { prefix });
    for (const { name, atUs } of rows) newestUs.set(name, Math.max(atUs, newestUs.get(name) ?? 0));
    return new Map(rows.map(({ name, position }) => [name, position]));
  }
  async function saveAll(positions: ReadonlyMap<string, string>): Promise<void> {
    const rows: { name: string; position: string; atUs: number }[] = [];
    for (const [name, position] of positions) {
      if (!newestUs.has(name)) await all(name);
      const atUs = Math.max(nowUs(), (newestUs.get(name) ?? 0) + 1);
      newestUs.set(name, atUs);
      rows.push({ name, position, atUs });
    }
    if (rows.length > 0) await insertRows(client, fieldsInsert('cursors', columns, rows), closing.signal);
  }
  return {
    all,
    save: (name, position) => saveAll(new Map([[name, position]])),
    saveAll,
    async close() {
      closing.abort();
      await client.close();
    },
  };
}
