import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openStoreClient, type StoreRole } from '../connection/store-connection.ts';
import { parseStoreSettings } from '../connection/store-settings.ts';
import { openTimeline } from '../open-timeline.ts';
import { sampleBatches } from '../testing/sample-batches.ts';
import { openTestStore, silent } from '../testing/open-test-store.ts';
import { expectedContent, storedContent } from '../testing/stored-content.ts';
import { type EmbeddedClickHouse, openEmbeddedClickHouse } from './embedded-clickhouse.ts';

const folders: string[] = [];
const processes: ChildProcess[] = [];
after(() => {
  for (const child of processes) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-server-'));
  folders.push(folder);
  return folder;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function until(condition: () => boolean, withinMs: number): Promise<number> {
  const startedMs = Date.now();
  while (!condition()) {
    assert.ok(Date.now() - startedMs < withinMs, `not within ${withinMs} ms`);
    await new Promise((later) => setTimeout(later, 10));
  }
  return Date.now() - startedMs;
}

/** Another process that opens an embedded server and says its pid. */
async function openInOtherProcess(dataDir: string): Promise<{ parent: ChildProcess; serverPid: number }> {
  const module = fileURLToPath(new URL('./embedded-clickhouse.ts', import.meta.url));
  const program = `
    const { openEmbeddedClickHouse } = await import(${JSON.stringify(module)});
    const logger = { info() {}, warn() {}, error() {} };
    const server = await openEmbeddedClickHouse({ dataDir: ${JSON.stringify(dataDir)}, logger });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(parent);
  const [line] = await parent.stdout!.setEncoding('utf8').take(1).toArray();
  return { parent, serverPid: Number(line) };
}

test('SIGKILL of the parent leaves no orphan, even with an idle connection, and the folder is free at once', async () => {
  const dataDir = newFolder();
  const { parent, serverPid } = await openInOtherProcess(dataDir);
  assert.ok(isAlive(serverPid));
  const port = readFileSync(join(dataDir, 'http-port'), 'utf8').trim();
  await fetch(`http://127.0.0.1:${port}/ping`); // fetch keeps the connection
  parent.kill('SIGKILL');
  const server = await openEmbeddedClickHouse({ dataDir, logger: silent });
  assert.equal(isAlive(serverPid), false);
  await server.stop();
  assert.equal(isAlive(server.pid), false);
});

test('a second process on the same folder is told so', async () => {
  const dataDir = newFolder();
  const { parent, serverPid } = await openInOtherProcess(dataDir);
  await assert.rejects(openEmbeddedClickHouse({ dataDir, logger: silent }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'data-dir-in-use');
    assert.match(error.message, new RegExp(`${dataDir} is in use by process ${parent.pid}`));
    return true;
  });
  assert.ok(isAlive(serverPid));
  parent.kill('SIGTERM');
  await until(() => !isAlive(serverPid), 60_000);
});

test('without a packaged server for the platform the message names the alternative', async () => {
  const opening = openEmbeddedClickHouse({
    dataDir: newFolder(),
    logger: silent,
    serverPackage: '@driftline/no-such-server',
  });
  await assert.rejects(opening, { code: 'no-embedded-server', message: /CLICKHOUSE_URL/ });
});

test('passwords are kept from other users and survive a restart', async () => {
  const dataDir = newFolder();
  const first = await openEmbeddedClickHouse({ dataDir, logger: silent });
  await first.stop();
  const second = await openEmbeddedClickHouse({ dataDir, logger: silent });
  await second.stop();
  assert.deepEqual(second.connection.writer, first.connection.writer);
  for (const file of ['credentials.json', 'users.xml', 'server.xml'])
    assert.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600, file);
  const passwords = [first.connection.owner, first.connection.writer, first.connection.reader].map(
    ({ password }) => password,
  );
  assert.equal(new Set(passwords).size, 3);
});

test('the database users: the writer cannot alter or remove, the reader cannot write, nobody else gets in', async (t) => {
  const store = await openTestStore();
  const clients = (['writer', 'reader'] as const).map((role) => ({
    role,
    client: openStoreClient(store.connection, role),
  }));
  const forbidden: Readonly<Record<Exclude<StoreRole, 'owner'>, readonly string[]>> = {
    writer: [
      'ALTER TABLE links DELETE WHERE 1',
      "ALTER TABLE links UPDATE user = 'x' WHERE 1",
      'ALTER TABLE links ADD COLUMN extra String',
      'ALTER TABLE links DROP PARTITION tuple()',
      'ALTER TABLE links MODIFY SETTING fsync_after_insert = 0',
      'DELETE FROM links WHERE 1',
      'TRUNCATE TABLE links',
      'DROP TABLE links',
      'RENAME TABLE links TO gone',
      'OPTIMIZE TABLE cursors FINAL',
      'CREATE TABLE other (a Int32) ENGINE = Memory',
      'CREATE USER someone',
      'SYSTEM STOP MERGES links',
      "SELECT * FROM file('/etc/passwd', LineAsString)",
    ],
    reader: [
      "INSERT INTO cursors (name) VALUES ('x')",
      'DELETE FROM links WHERE 1',
      'DROP TABLE links',
      'TRUNCATE TABLE links',
    ],
  };
  for (const { role, client } of clients) {
    for (const query of forbidden[role as 'writer' | 'reader']) {
      await t.test(`${role}: ${query}`, () =>
        assert.rejects(client.command({ query }), { code: /^(497|164)$/ as unknown as string }),
      );
    }
    await client.close();
  }
  await t.test('wrong password', async () => {
    const wrong = openStoreClient(
      { ...store.connection, reader: { user: 'driftline_reader', password: 'guess' } },
      'reader',
    );
    await assert.rejects(wrong.command({ query: 'SELECT 1' }), { code: '516' });
    await wrong.close();
  });
  await t.test("the server's own user has no way in", async () => {
    const ask = (path: string, headers: Record<string, string>) =>
      fetch(`${store.connection.url}${path}`, { method: 'POST', body: 'SELECT currentUser()', headers });
    const basic = `Basic ${Buffer.from('driftline_x:').toString('base64')}`;
    for (const [path, headers] of [
      ['/', {}],
      ['/?user=default', {}],
      ['/?user=default', { Authorization: basic }],
      ['/?user=default&password=', { 'X-ClickHouse-User': 'driftline_reader' }],
      ['/', { 'X-ClickHouse-User': 'default' }],
      [
        '/',
        {
          'X-ClickHouse-User': 'driftline_reader',
          Authorization: `Basic ${Buffer.from('default:').toString('base64')}`,
        },
      ],
      ['/play', {}],
    ] as const) {
      const response = await ask(path, headers);
      assert.ok(response.status >= 400, `${path} ${JSON.stringify(headers)}: ${response.status}`);
    }
  });
  await store.close();
});

test('an external server, named by CLICKHOUSE_URL, serves as well', async () => {
  const external: EmbeddedClickHouse = await openEmbeddedClickHouse({ dataDir: newFolder(), logger: silent });
  const { url, owner, writer, reader } = external.connection;
  const withOwner = new URL(url);
  withOwner.username = owner.user;
  withOwner.password = owner.password;
  const settings = parseStoreSettings({
    CLICKHOUSE_URL: withOwner.href,
    CLICKHOUSE_WRITER_USER: writer.user,
    CLICKHOUSE_WRITER_PASSWORD: writer.password,
    CLICKHOUSE_READER_USER: reader.user,
    CLICKHOUSE_READER_PASSWORD: reader.password,
  });
  assert.equal(settings.mode, 'external');
  const options = { settings, dataDir: '/nowhere', logger: silent, nowUs: () => Date.now() * 1_000 };
  const stream = { tenant: 'default', cluster: 'c', epoch: 'e' };
  const batches = sampleBatches(stream, 3);
  const first = await openTimeline(options);
  await first.writer.record(batches.slice(0, 2));
  await first.close();
  const second = await openTimeline(options);
  await second.writer.record(batches);
  assert.deepEqual(await storedContent(second.reader, stream), expectedContent(batches));
  await second.close();
  await external.stop();
});

test('store settings that make no sense are refused', () => {
  assert.deepEqual(parseStoreSettings({}), { mode: 'embedded' });
  for (const variables of [
    { CLICKHOUSE_URL: 'clickhouse:9000' },
    { CLICKHOUSE_URL: 'http://h', CLICKHOUSE_DATABASE: 'a; DROP' },
  ]) {
    assert.throws(() => parseStoreSettings(variables), { code: 'bad-store-settings' });
  }
});
