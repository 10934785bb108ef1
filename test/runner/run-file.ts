/** Runs one test file in a process of its own and judges what came of it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Counts } from './report.ts';

export type RunFileOptions = {
  readonly file: string;
  /** Made for this file and removed after it; the file's own temporary folders are in it. */
  readonly folder: string;
  /** The file is killed when it takes longer. */
  readonly timeoutMs: number;
  /** Its output is also passed on while it runs. */
  readonly isLive: boolean;
};

export type FileResult = {
  readonly file: string;
  readonly counts: Counts;
  /** Why the file failed, besides the failures its output tells of. Empty when all of it passed. */
  readonly faults: readonly string[];
  /** Names it left in its temporary folder. */
  readonly left: readonly string[];
  readonly output: string;
  readonly durationMs: number;
};

const noCounts: Counts = { tests: 0, suites: 0, passed: 0, cancelled: 0, skipped: 0, todo: 0, cpuMs: 0 };
const reporter = join(import.meta.dirname, 'report.ts');
const seeding = ['--import', join(import.meta.dirname, 'seed.ts')];
/** How long a test may take that does not say so itself. */
const testTimeoutMs = 600_000;
/** How long processes that a file started, and which hold its output, may outlive it. */
const outliveTimeoutMs = Number(process.env['DRIFTLINE_OUTLIVE_TIMEOUT_MS'] ?? 10_000);
const running = new Set<ChildProcess>();

export async function runFile({ file, folder, timeoutMs, isLive }: RunFileOptions): Promise<FileResult> {
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const countsFile = join(folder, 'counts.json');
  const startedAtMs = performance.now();
  const shown = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
  const counted = [`--test-reporter=${reporter}`, `--test-reporter-destination=${countsFile}`];
  const child = spawn(
    process.execPath,
    [...(isSeeded(file) ? seeding : []), ...shown, ...counted, `--test-timeout=${testTimeoutMs}`, file],
    // A group of its own, so that what the file started ends with it.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: environmentOf(temporary) },
  );
  running.add(child);
  const output = [keep(child.stdout, isLive ? process.stdout : undefined)];
  output.push(keep(child.stderr, isLive ? process.stderr : undefined));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const faults: string[] = [];
  const timeout = setTimeout(() => {
    faults.push(`killed after ${timeoutMs / 1000} s`);
    killGroup(child);
  }, timeoutMs);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('exit', (...ended) => resolve(ended));
    child.once('error', reject);
  });
  clearTimeout(timeout);
  const outliving = setTimeout(() => {
    faults.push('a process that it started outlived it');
    killGroup(child);
  }, outliveTimeoutMs);
  await closed;
  clearTimeout(outliving);
  killGroup(child);
  running.delete(child);
  const counts = readCounts(countsFile);
  if (signal !== null && faults.length === 0) faults.push(`ended by ${signal}`);
  if (counts === undefined) faults.push('cut before its end: how many tests it has is not known');
  if (counts?.tests === 0) faults.push('it reported no tests');
  if (code !== 0 && faults.length === 0) faults.push(`exit code ${code}`);
  const left = readdirSync(temporary);
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  const durationMs = performance.now() - startedAtMs;
  return { file, counts: counts ?? noCounts, faults, left, output: output.map((text) => text()).join(''), durationMs };
}

/** Ends every file that runs, with all that it started. */
export function killAll(): void {
  for (const child of running) killGroup(child);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

/** With DRIFTLINE_SEED set, properties are the same in every run. */
function isSeeded(file: string): boolean {
  return process.env['DRIFTLINE_SEED'] !== undefined && readFileSync(file, 'utf8').includes("'fast-check'");
}

/** Whoever runs this runner in a test of their own is none of the file's business. */
function environmentOf(temporary: string): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _outer, ...rest } = process.env;
  return { ...rest, TMPDIR: temporary };
}

/** What came of a stream until now. */
function keep(stream: Readable, shown: Writable | undefined): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    shown?.write(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

function readCounts(path: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Counts;
  } catch {
    return undefined;
  }
}
