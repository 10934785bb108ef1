/** Programs that a bench starts and measures from outside. */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Command } from '../world/api-server.ts';

const root = join(import.meta.dirname, '../../..');

export type ApiServer = {
  readonly url: string;
  /** Makes changes; answers with when each was made, by resourceVersion. */
  edit(changes: number, perSecond: number): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
};

export async function openApiServer(objects: number): Promise<ApiServer> {
  const child = fork(join(import.meta.dirname, '../world/api-server.ts'), [String(objects)]);
  const answerOf = async (): Promise<Answer> => {
    const [answer] = (await once(child, 'message')) as [Answer];
    return answer;
  };
  const first = await answerOf();
  if (first.type !== 'listening') throw new Error('the API server did not begin by listening');
  return {
    url: first.url,
    async edit(changes, perSecond) {
      const command: Command = { type: 'edit', changes, perSecond };
      child.send(command);
      const answer = await answerOf();
      if (answer.type !== 'edited') throw new Error('the API server did not answer an edit');
      return new Map(answer.made);
    },
    stop: () => ended(child),
  };
}

export type AgentProcess = { readonly pid: number; stop(): Promise<void> };

/** How the agent's image starts it (deploy/docker/agent.Dockerfile): a bounded young generation and heap. */
export const agentNodeFlags: readonly string[] = ['--expose-gc', '--max-semi-space-size=4', '--max-old-space-size=128'];

/** The image's settings of the C library's allocator. */
export const agentAllocator: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** What the agent's image does when it is built: plain JavaScript, compiled once. Gives the program. */
function buildAgent(folder: string, env: NodeJS.ProcessEnv): string {
  const program = join(folder, 'agent/src/main.js');
  const run = (...args: readonly string[]): unknown => execFileSync(process.execPath, args, { env, stdio: 'ignore' });
  run(join(root, 'agent/build.mjs'), folder);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  run(...agentNodeFlags, program, '--help');
  return program;
}

/** The agent as it is shipped, one process, talking to these two; its files go below `folder`. */
export function openAgentProcess(to: {
  readonly apiServerUrl: string;
  readonly collectorPort: number;
  readonly folder: string;
  readonly token?: string;
}): AgentProcess {
  const { folder } = to;
  mkdirSync(join(folder, 'key'), { recursive: true });
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    clusters: [{ name: 'bench', cluster: { server: to.apiServerUrl } }],
    users: [{ name: 'bench', user: { token: 'bench-token' } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
  };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
  const flags: Record<string, string> = {
    cluster: 'measured',
    collector: `http://127.0.0.1:${to.collectorPort}`,
    'state-dir': join(folder, 'state'),
    'redaction-key-file': join(folder, 'key', 'redaction.key'),
    kubeconfig: join(folder, 'kubeconfig'),
    'health-listen': '127.0.0.1:0',
    'log-level': 'error',
  };
  if (to.token !== undefined) {
    flags['token-file'] = join(folder, 'token');
    writeFileSync(join(folder, 'token'), to.token);
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const env = { ...process.env, ...agentAllocator, NODE_COMPILE_CACHE: join(folder, 'compile-cache') };
  const program = buildAgent(folder, env);
  const child = spawn(process.execPath, [...agentNodeFlags, program, '--create-redaction-key', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return { pid: child.pid ?? 0, stop: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exit;
  clearTimeout(late);
}

/** Resident bytes of a process now, and the most it ever had. */
export function memoryOf(pid: number): { readonly residentBytes: number; readonly peakBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { residentBytes: kibibytes('VmRSS') * 1_024, peakBytes: kibibytes('VmHWM') * 1_024 };
}

/** The kernel counts a process's time in hundredths of a second. */
const tickUs = 10_000;

/** Microseconds of CPU that a process has used. */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}
