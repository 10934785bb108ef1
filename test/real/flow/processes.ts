/** The agent and the collector as processes, with their logs in files, so that they can be killed and searched. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '../../..');
const stopTimeoutMs = 20_000;

export type Program = {
  readonly name: string;
  /** Relative to the checkout. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Answers 200 when the program does its work. */
  readonly readyUrl: string;
};

export class Process {
  readonly #program: Program;
  #child: ChildProcess | undefined;
  starts = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const { file, environment, logFile } = this.#program;
    const log = openSync(logFile, 'a', 0o600);
    // setpriv has the kernel kill the program as soon as its parent is gone, however that came about.
    const command = [
      '--pdeathsig',
      'KILL',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(root, file),
    ];
    this.#child = spawn('setpriv', command, {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...environment },
    });
    closeSync(log);
    this.starts += 1;
  }

  async ready(timeoutMs = 120_000): Promise<void> {
    const { name, readyUrl, logFile } = this.#program;
    let last = '';
    for (const endMs = Date.now() + timeoutMs; Date.now() < endMs; await sleep(50)) {
      const child = this.#child;
      if (child !== undefined && child.exitCode !== null)
        throw new Error(`${name} ended with ${child.exitCode}: ${tail(logFile)}`);
      try {
        const answer = await fetch(readyUrl);
        last = await answer.text();
        if (answer.ok) return;
      } catch {
        // Not listening yet.
      }
    }
    throw new Error(`${name} is not ready: ${last}\n${tail(logFile)}`);
  }

  /** SIGKILL: no time for anything. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }
}

export const tail = (file: string): string =>
  existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n') : '';
