/** A program of this checkout as a child process whose whole output is kept, and which can be killed at any moment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const stopGraceMs = 60_000;

export type Program = {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Standard output and error so far. */
  readonly output: () => string;
  /** SIGTERM, and SIGKILL when that takes too long. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

/** Of a program that must not see who tests it: nothing but the way to other programs and what makes it start faster. */
export function bareEnvironment(): Record<string, string | undefined> {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, TZ: 'UTC', ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
}

/** `flags` are given as --name value; true is a switch. */
export function startProgram(file: string, flags: Readonly<Record<string, string | true>>): Program {
  const args = Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, value],
  );
  const preload = join(root, 'deploy/local/die-with-parent.mjs');
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--import', preload, join(root, file), ...args],
    { stdio: ['pipe', 'pipe', 'pipe'], env: bareEnvironment() },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  child.stdin?.on('error', () => undefined);
  let hasEnded = false;
  const ended = once(child, 'exit').then(([code, signal]) => {
    hasEnded = true;
    return (signal ?? code) as number | string;
  });
  const signal = async (name: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (!hasEnded) child.kill(name);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    await ended;
    clearTimeout(timer);
  };
  return {
    pid: child.pid ?? 0,
    hasEnded: () => hasEnded,
    ended,
    output: () => output,
    stop: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
  };
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/**
 * Seconds lie between finding a port and using it: until this process ends no other test process is given the port, nor
 * this one again. The claim is a name in Linux's abstract namespace; elsewhere everything can be claimed.
 */
const claim = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const claiming = createServer().unref();
    claiming.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'EADDRINUSE'));
    claiming.listen(`\0driftline-test-port-${port}`, () => resolve(true));
  });

/** Distinct free loopback ports below the ephemeral range, where no outgoing connection takes one before its owner does. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(15_000, 32_000);
    if ((await isFree(port)) && (await claim(port))) ports.add(port);
  }
  return [...ports];
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!;
}

/** Generous by default: how long it waits costs only where something is broken, and machines can be busy. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 120_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.3, 200)) {
    const askedAtMs = performance.now();
    if (await isTrue()) return;
    const answeredAtMs = performance.now();
    if (answeredAtMs > endMs) throw new Error(`timed out after ${timeoutMs} ms: ${what}`);
    // What costs much is asked for less often: no more than a quarter of the time goes into asking.
    const costMs = Math.min((answeredAtMs - askedAtMs) * 3, 1_000);
    await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, costMs)));
  }
}
