/** What `npm start` decides before it starts anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeConnection } from './credentials.ts';
import { parseFlags } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { logTail } from './log-file.ts';
import { makeFolder } from './make-folder.ts';
import { freePort, portFrom, requirePort } from './ports.ts';
import { UsageError } from './usage-error.ts';

test('the API keeps its port from start to start, and takes the next one when somebody else has it', async () => {
  const port = await freePort();
  assert.equal(await portFrom(port), port);
  assert.equal(await portFrom(port), port);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  try {
    const next = await portFrom(port);
    assert.ok(next > port && next < port + 20, String(next));
    await assert.rejects(requirePort(port), UsageError);
  } finally {
    other.close();
  }
});

test('only a port that was asked for is insisted on', () => {
  const flags = (...args: string[]) => parseFlags(args, '/checkout');
  assert.ok(flags() !== 'help');
  assert.equal((flags() as { apiPort?: number }).apiPort, undefined);
  assert.equal((flags('--api-port', '8080') as { apiPort?: number }).apiPort, 8080);
  assert.throws(() => flags('--api-port', '0'), /--api-port takes a whole number from 1 to 65535, not '0'/);
  assert.throws(() => flags('--context', 'x'), /--context goes with --kubeconfig/);
  assert.equal(flags('--help'), 'help');
});

test('who stops takes away only its own connection', () => {
  const home = mkdtempSync(join(tmpdir(), 'driftline-connection-'));
  try {
    const removeFirst = writeConnection(home, { url: 'http://127.0.0.1:1', token: 'a', pid: process.pid });
    const removeSecond = writeConnection(home, { url: 'http://127.0.0.1:2', token: 'b', pid: process.pid });
    removeFirst();
    assert.ok(existsSync(join(home, 'connection.json')));
    removeSecond();
    assert.ok(!existsSync(join(home, 'connection.json')));
    removeSecond();
    // One that still runs, in another process, is found again when the newer one ends.
    writeConnection(home, { url: 'http://127.0.0.1:3', token: 'c', pid: process.ppid });
    writeConnection(home, { url: 'http://127.0.0.1:4', token: 'd', pid: process.pid })();
    assert.match(readFileSync(join(home, 'connection.json'), 'utf8'), /127\.0\.0\.1:3/);
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  }
});

test('a folder that cannot be made is refused in words', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-folder-'));
  try {
    makeFolder(join(folder, 'a', 'b'));
    makeFolder(join(folder, 'a', 'b'));
    assert.equal(statSync(join(folder, 'a')).mode & 0o777, 0o700);
    writeFileSync(join(folder, 'file'), '');
    assert.throws(() => makeFolder(join(folder, 'file', 'c')), /file already exists, mkdir '.*file'/);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
  // In a process of its own: where it is not refused, it never ends.
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), '--data-dir', '/proc/driftline'],
    { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
  );
  assert.match(stderr, /cannot keep anything in \/proc\/driftline: .*\. Choose another folder with --data-dir/);
  assert.equal(status, 2);
});

test('a folder is for one start at a time, and free again when that ends', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-lock-'));
  try {
    const unlock = lockFolder(folder);
    assert.ok(unlock !== undefined);
    assert.equal(lockFolder(folder), undefined);
    unlock();
    const again = lockFolder(folder);
    assert.ok(again !== undefined);
    again();
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

test('a kubeconfig that cannot be used is refused before anything starts, and never quoted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-kubeconfig-'));
  try {
    const path = join(folder, 'config');
    const parsed = (text: string, ...args: string[]) => {
      writeFileSync(path, text);
      return parseFlags(['--kubeconfig', path, ...args], '/checkout');
    };
    const config = (current: string) =>
      `${current}contexts: [{ name: here, context: { cluster: c } }, { name: there, context: { cluster: d } }]\n`;
    assert.equal((parsed(config('current-context: here\n')) as { context?: string }).context, 'here');
    assert.equal((parsed(config(''), '--context', 'there') as { context?: string }).context, 'there');
    assert.throws(() => parsed(config('')), /no current context: choose one with --context \(it has: here, there\)/);
    assert.throws(() => parsed(config('current-context: x\n')), /is 'x', which that file does not have \(it has: here/);
    assert.throws(() => parsed(config(''), '--context', 'x'), /--context is 'x', which that file does not have/);
    assert.throws(() => parsed('hello'), /is no kubeconfig/);
    assert.throws(
      () => parsed('users:\n  token: secret-canary\n bad: [\n'),
      (error: Error) => /is no YAML \(line \d\)/.test(error.message) && !error.message.includes('canary'),
    );
    assert.throws(() => parseFlags(['--kubeconfig', join(folder, 'none')], '/checkout'), /there is no file/);
    assert.throws(() => parseFlags(['--kubeconfig', folder], '/checkout'), /is a folder/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the end of a log is what happened, said once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-log-'));
  try {
    const path = join(folder, 'a.log');
    const line = (reason: string) => `${JSON.stringify({ level: 40, event: 'awaited', reason })}\n`;
    writeFileSync(path, `earlier\n${line('x').repeat(3)}${line('y')}${line('x')}`);
    assert.equal(
      logTail(path, 'earlier\n'.length),
      ['  warn  awaited: x (3 times)', '  warn  awaited: y', '  warn  awaited: x'].join('\n'),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
