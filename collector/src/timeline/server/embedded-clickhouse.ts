/**
 * Embedded mode's store: a real ClickHouse server, from an optional npm package, as a child of this process. It
 * listens on a loopback port that it picks itself, and dies with its parent, however the parent ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { defaultDatabase } from '../connection/store-settings.ts';
import type { StoreConnection } from '../connection/store-connection.ts';
import { logEvents } from '../log-events.ts';
import { TimelineError } from '../timeline-error.ts';
import { ensureCredentials } from './credentials.ts';
import { livingOwner, lockHolder, recordOwner } from './data-dir-owner.ts';
import { serverXml, usersXml } from './server-config.ts';

export type EmbeddedClickHouseOptions = {
  /** Created when missing. One server per folder. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** Upper limit of the server's memory. Default: a quarter of the machine's, within 1–4 GiB. */
  readonly maxMemoryBytes?: number;
  /** How long to wait for the server to answer. Default 30 s. */
  readonly startTimeoutMs?: number;
  /** How long to wait for a server whose owner is dead to let go of the folder. Default 15 s. */
  readonly lockTimeoutMs?: number;
  /** Loopback port; 0, the default, lets the system pick one. A restart that must keep its URL names it. */
  readonly port?: number;
  /** npm package that holds libchdb.so. */
  readonly serverPackage?: string;
};

export type EmbeddedClickHouse = {
  readonly connection: StoreConnection;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
};

const defaultPackage = '@chdb/lib-linux-x64-gnu';
const gibibyte = 1024 ** 3;
const pollMs = 10;
const stopTimeoutMs = 15_000;
/** A killed process can be seen for a moment. */
const dyingMs = 500;

/** Throws TimelineError 'no-embedded-server' | 'data-dir-in-use' | 'server-start-failed'. */
export async function openEmbeddedClickHouse(options: EmbeddedClickHouseOptions): Promise<EmbeddedClickHouse> {
  requirePackage(options.serverPackage ?? defaultPackage);
  const dataDir = resolve(options.dataDir);
  const storeDir = join(dataDir, 'store');
  mkdirSync(storeDir, { recursive: true, mode: 0o700 });
  await waitForFolder(dataDir, storeDir, options);
  const users = ensureCredentials(join(dataDir, 'credentials.json'));
  const files = writeConfig({ dataDir, storeDir, users, options });
  const server = startChild(files, storeDir, options);
  const port = await waitUntilReady(server, files.port, storeDir, options);
  recordOwner(dataDir);
  const url = `http://127.0.0.1:${port}`;
  options.logger.info({ url, pid: server.child.pid, dataDir }, logEvents.serverStarted);
  let isStopping = false;
  server.child.once('exit', () => {
    if (!isStopping) options.logger.error({ pid: server.child.pid, stderr: server.errors() }, logEvents.serverDied);
  });
  return {
    connection: { url, database: defaultDatabase, ...users },
    pid: server.child.pid ?? 0,
    ended: server.ended,
    async stop() {
      isStopping = true;
      await stopChild(server);
      options.logger.info({ pid: server.child.pid }, logEvents.serverStopped);
    },
  };
}

function requirePackage(packageName: string): void {
  try {
    createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  } catch (cause) {
    throw new TimelineError(
      'no-embedded-server',
      `No embedded ClickHouse here (${process.platform}-${process.arch}): the optional package ${packageName} is not ` +
        'installed or not made for this platform. Set CLICKHOUSE_URL to a ClickHouse server instead, or install with ' +
        'optional dependencies on Linux x64 (glibc).',
      { cause },
    );
  }
}

async function waitForFolder(dataDir: string, storeDir: string, options: EmbeddedClickHouseOptions): Promise<void> {
  const startedMs = Date.now();
  const deadline = startedMs + (options.lockTimeoutMs ?? 15_000);
  for (let waited = false; ; waited = true) {
    const holder = lockHolder(storeDir);
    if (holder === undefined) return;
    const owner = livingOwner(dataDir);
    const isOwned = owner !== undefined && Date.now() > startedMs + dyingMs;
    if (isOwned || Date.now() > deadline) throw inUse(dataDir, owner ?? holder);
    if (!waited) options.logger.info({ dataDir, pid: holder }, logEvents.serverWaiting);
    await sleep(pollMs * 5);
  }
}

function inUse(dataDir: string, pid: number): TimelineError {
  return new TimelineError(
    'data-dir-in-use',
    `The timeline folder ${dataDir} is in use by process ${pid}. Stop that one, or choose another folder.`,
  );
}

type ConfigFiles = { readonly server: string; readonly users: string; readonly port: string };

function writeConfig(input: {
  readonly dataDir: string;
  readonly storeDir: string;
  readonly users: ReturnType<typeof ensureCredentials>;
  readonly options: EmbeddedClickHouseOptions;
}): ConfigFiles {
  const { dataDir, storeDir, users, options } = input;
  const files = {
    server: join(dataDir, 'server.xml'),
    users: join(dataDir, 'users.xml'),
    port: join(dataDir, 'http-port'),
  };
  const maxMemoryBytes =
    options.maxMemoryBytes ?? Math.round(Math.min(Math.max(totalmem() / 4, gibibyte), 4 * gibibyte));
  const config = { storeDir, usersFile: files.users, database: defaultDatabase, maxMemoryBytes };
  writeFileSync(files.users, usersXml(users, defaultDatabase), { mode: 0o600 });
  writeFileSync(files.server, serverXml(config), { mode: 0o600 });
  rmSync(files.port, { force: true });
  return files;
}

type Server = { readonly child: ChildProcess; readonly ended: Promise<void>; hasEnded(): boolean; errors(): string };

function startChild(files: ConfigFiles, storeDir: string, options: EmbeddedClickHouseOptions): Server {
  const program = fileURLToPath(new URL('./clickhouse-child.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      program,
      String(process.pid),
      options.serverPackage ?? defaultPackage,
      files.port,
      `--path=${storeDir}`,
      `--config-file=${files.server}`,
      '--listen_host=127.0.0.1',
      `--http_port=${options.port ?? 0}`,
    ],
    // A test runner's or debugger's NODE_OPTIONS are not meant for the server.
    { stdio: ['pipe', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], TZ: 'UTC' } },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-8192);
  });
  child.stdin.on('error', () => {}); // EPIPE when the child is gone: `ended` tells it
  let hasEnded = false;
  const ended = new Promise<void>((done) => {
    const end = () => {
      hasEnded = true;
      done();
    };
    child.once('exit', end);
    child.once('error', (error) => {
      stderr += String(error);
      end();
    });
  });
  return { child, ended, hasEnded: () => hasEnded, errors: () => stderr.trim() };
}

async function waitUntilReady(
  server: Server,
  portFile: string,
  storeDir: string,
  options: EmbeddedClickHouseOptions,
): Promise<number> {
  const deadline = Date.now() + (options.startTimeoutMs ?? 30_000);
  for (;;) {
    if (server.hasEnded()) {
      const holder = lockHolder(storeDir);
      throw holder === undefined
        ? startFailed(options.dataDir, `it ended: ${server.errors()}`)
        : inUse(options.dataDir, holder);
    }
    if (Date.now() > deadline) {
      server.child.kill('SIGKILL');
      throw startFailed(options.dataDir, `it did not answer in time: ${server.errors()}`);
    }
    const port = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8').trim()) : 0;
    if (port > 0 && (await answers(port))) return port;
    await sleep(pollMs);
  }
}

function startFailed(dataDir: string, why: string): TimelineError {
  return new TimelineError('server-start-failed', `The embedded ClickHouse in ${dataDir} did not start: ${why}`);
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/ping`).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}

async function stopChild(server: Server): Promise<void> {
  server.child.kill('SIGTERM');
  const timer = setTimeout(() => server.child.kill('SIGKILL'), stopTimeoutMs);
  await server.ended;
  clearTimeout(timer);
}
