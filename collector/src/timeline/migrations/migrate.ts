/**
 * Brings a store's schema up to date: numbered .sql files, one set for the embedded and any external server, each
 * applied once, in order, and recorded with its checksum. Files are never edited once released: a store that has
 * applied another text under the same number is refused, because nobody can know what its tables look like.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Logger } from 'pino';
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { logEvents } from '../log-events.ts';
import { TimelineError } from '../timeline-error.ts';

export type Migration = { readonly number: number; readonly name: string; readonly text: string };

type AppliedMigration = { readonly number: number; readonly name: string; readonly checksum: string };

const migrationsDir = fileURLToPath(new URL('.', import.meta.url));

const createTable = `CREATE TABLE IF NOT EXISTS migrations (
  number UInt32, name String, checksum String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

export function readMigrations(dir: string = migrationsDir): readonly Migration[] {
  return readdirSync(dir)
    .filter((file) => /^\d{4}-.+\.sql$/.test(file))
    .sort()
    .map((file) => ({ number: Number(file.slice(0, 4)), name: file, text: readFileSync(`${dir}/${file}`, 'utf8') }));
}

/** Safe to run from several collectors at once. Throws 'migration-changed' | 'store-newer', or what the store says. */
export async function migrate(
  connection: StoreConnection,
  logger: Logger,
  migrations: readonly Migration[] = readMigrations(),
): Promise<void> {
  await createDatabase(connection);
  const client = openStoreClient(connection, 'owner');
  try {
    await client.command({ query: createTable });
    const applied = await readApplied(client);
    refuseUnknown(applied, migrations);
    for (const migration of migrations) {
      const before = applied.find(({ number }) => number === migration.number);
      if (before === undefined) {
        await apply(client, migration);
        logger.info({ migration: migration.name, database: connection.database }, logEvents.migrationApplied);
      } else if (before.checksum !== checksum(migration)) {
        throw new TimelineError(
          'migration-changed',
          `Migration ${migration.name} differs from the one this store has applied (${before.name}). Restore the file; ` +
            'a change of the schema is a new file with the next number.',
        );
      }
    }
  } finally {
    await client.close();
  }
}

async function createDatabase(connection: StoreConnection): Promise<void> {
  const client = openStoreClient({ ...connection, database: 'default' }, 'owner');
  try {
    const existing = await client.query({
      query: 'SELECT name FROM system.databases WHERE name = {database:String}',
      query_params: { database: connection.database },
      format: 'JSONEachRow',
    });
    // CREATE DATABASE IF NOT EXISTS asks for the privilege even when there is nothing to create.
    if ((await existing.json()).length > 0) return;
    await client.command({
      query: 'CREATE DATABASE IF NOT EXISTS {database:Identifier}',
      query_params: { database: connection.database },
    });
  } finally {
    await client.close();
  }
}

async function readApplied(client: ClickHouseClient): Promise<readonly AppliedMigration[]> {
  const rows = await client.query({
    query: 'SELECT number, name, checksum FROM migrations ORDER BY number, applied_at LIMIT 1 BY number',
    format: 'JSONEachRow',
  });
  return rows.json<AppliedMigration>();
}

function refuseUnknown(applied: readonly AppliedMigration[], migrations: readonly Migration[]): void {
  const unknown = applied.find(({ number }) => !migrations.some((migration) => migration.number === number));
  if (unknown === undefined) return;
  throw new TimelineError(
    'store-newer',
    `This store has migration ${unknown.name}, which this version does not know. Run the version that made it, or a newer one.`,
  );
}

async function apply(client: ClickHouseClient, migration: Migration): Promise<void> {
  for (const query of splitStatements(migration.text)) await client.command({ query });
  await client.insert({
    table: 'migrations',
    columns: ['number', 'name', 'checksum'],
    values: [{ number: migration.number, name: migration.name, checksum: checksum(migration) }],
    format: 'JSONEachRow',
  });
}

/** A statement ends with a line that ends in a semicolon; a comment is a whole line. */
export function splitStatements(text: string): readonly string[] {
  const code = text.replaceAll(/^\s*--.*$/gm, '');
  return code
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.text).digest('hex');
}
