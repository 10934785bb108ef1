/** Doing things to processes that they do not expect: stopping them in mid-step, taking their disk away. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../control-plane/control-plane.ts';

/** Children of a process, and theirs. */
export function descendantsOf(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, rest = ''] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ');
      parents.set(Number(name), Number(rest.split(' ')[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found.slice(1);
}

/** SIGSTOP, and SIGCONT when `thaw` is called. Processes that ended are left alone. */
export function freeze(pids: readonly number[]): { readonly thaw: () => void } {
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of pids) {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended meanwhile.
      }
    }
  };
  signal('SIGSTOP');
  return { thaw: () => signal('SIGCONT') };
}

export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** No file of this process may grow beyond so many bytes: writes fail as on a full disk (EFBIG, where that says ENOSPC). */
export function limitFileSize(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

/** Stops or starts a part of the control plane without blocking this process, which carries its clients' bytes. */
export async function control(plane: ControlPlane, act: 'start' | 'stop', component: string): Promise<void> {
  const script = join(import.meta.dirname, '../control-plane/cluster.sh');
  const child = spawn(script, [act, plane.dir, component], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${component} did not ${act}: cluster.sh ended with ${code}`);
}
