/** A process of the local system: its output goes to a log file, its life is bound to ours, and its end is noticed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { lastWarning, logTail } from './log-file.ts';

export type ChildOptions = {
  /** Path of a TypeScript file. */
  readonly program: string;
  readonly args: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Beside what this process has itself. */
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Where Node keeps compiled code between starts: less memory and a quicker start. Private to this user. */
  readonly compileCache: string;
  /** Sees every line of standard output; without it, standard output goes to the log file too. */
  readonly onLine?: (line: string) => void;
};

export type Child = {
  readonly pid: number;
  /** Resolves when it ended, with the reason. */
  readonly ended: Promise<string>;
  /** The end of what it logged, for people. */
  logTail(): string;
  /** What it last warned of; '' when it did not. */
  lastWarning(): string;
  /** SIGTERM; SIGKILL after the grace time. */
  stop(): Promise<void>;
};

const stopGraceMs = 20_000;

export function startChild(options: ChildOptions): Child {
  const log = openSync(options.logFile, 'a', 0o600);
  const logStart = fstatSync(log).size;
  const preload = join(import.meta.dirname, 'die-with-parent.mjs');
  const child: ChildProcess = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      ...(options.nodeFlags ?? []),
      '--import',
      preload,
      options.program,
      ...options.args,
    ],
    // A process group of its own: Ctrl-C reaches the parent only, which stops the parts in order.
    {
      stdio: ['pipe', options.onLine === undefined ? log : 'pipe', log],
      detached: true,
      env: { ...process.env, ...options.env, NODE_COMPILE_CACHE: options.compileCache },
    },
  );
  closeSync(log);
  if (options.onLine !== undefined) readLines(child, options.onLine);
  let hasEnded = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }).then((reason) => {
    hasEnded = true;
    return reason;
  });
  return {
    pid: child.pid ?? 0,
    ended,
    logTail: () => logTail(options.logFile, logStart),
    lastWarning: () => lastWarning(options.logFile, logStart),
    async stop() {
      if (hasEnded) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}
