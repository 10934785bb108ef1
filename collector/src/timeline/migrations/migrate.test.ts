import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { commitColumns, epochColumns, recordTables, sharedColumns } from '../writer/tables.ts';
import { migrate, readMigrations, splitStatements } from './migrate.ts';

let store: TestStore;
before(async () => {
  store = await openTestStore();
});
after(() => store.close());

const applied = async () =>
  (
    await store.owner.query({ query: 'SELECT number, name FROM migrations ORDER BY number', format: 'JSONEachRow' })
  ).json();

test('migrations are applied once, in order, and again without effect', async () => {
  const expected = readMigrations().map(({ number, name }) => ({ number, name }));
  assert.ok(expected.length > 0);
  await migrate(store.connection, store.logger);
  assert.deepEqual(await applied(), expected);
});

test('every statement can run twice, since a crash can make it', async () => {
  for (const { text } of readMigrations())
    for (const query of splitStatements(text)) await store.owner.command({ query });
});

test('a migration that was changed after it was applied is refused', async () => {
  const [first, ...rest] = readMigrations();
  const changed = [{ ...first!, text: `${first!.text}\n-- edited` }, ...rest];
  await assert.rejects(migrate(store.connection, store.logger, changed), {
    code: 'migration-changed',
    message: /0001-/,
  });
});

test('a store of a newer version is refused', async () => {
  await assert.rejects(migrate(store.connection, store.logger, []), { code: 'store-newer' });
});

test('the next migration is applied to a store that has the others', async () => {
  const next = {
    number: 9999,
    name: '9999-next.sql',
    text: 'CREATE TABLE IF NOT EXISTS later (a Int32) ENGINE = MergeTree ORDER BY a;\n',
  };
  await migrate(store.connection, store.logger, [...readMigrations(), next]);
  assert.deepEqual((await applied()).at(-1), { number: 9999, name: '9999-next.sql' });
});

test('the code and the store agree on every column of every record table, and on what makes tables safe', async () => {
  const expected = new Map([
    ...recordTables.map((table) => [table.name, [...sharedColumns, ...table.columns]] as const),
    ['batch_commits', commitColumns] as const,
    ['epochs', epochColumns] as const,
  ]);
  for (const [table, columns] of expected) {
    const stored = await store.owner.query({
      query: `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'ALIAS' ORDER BY position`,
      query_params: { table },
      format: 'JSONEachRow',
    });
    assert.deepEqual(
      await stored.json(),
      columns.map(({ name, type }) => ({ name, type })),
      table,
    );
    const created = await store.owner.query({
      query:
        'SELECT engine_full, sorting_key FROM system.tables WHERE database = currentDatabase() AND name = {table:String}',
      query_params: { table },
      format: 'JSONEachRow',
    });
    const [{ engine_full: engine, sorting_key: sortingKey } = { engine_full: '', sorting_key: '' }] =
      await created.json<{ engine_full: string; sorting_key: string }>();
    assert.match(engine, /^MergeTree .*non_replicated_deduplication_window = 1000.*fsync_after_insert = 1/, table);
    assert.match(sortingKey, /^tenant, cluster, /, table);
  }
});
