/**
 * Who owns the embedded server's folder. ClickHouse holds the real lock (on its `status` file); this file beside it
 * only tells a living owner, which is an error, from a server that is just ending after its owner died, which is worth
 * waiting for. A process is recognised by pid and start time, since pids are reused.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type ProcessId = { readonly pid: number; readonly startedTicks: string };

const ownerFile = (dataDir: string) => join(dataDir, 'owner.json');

export function recordOwner(dataDir: string): void {
  const owner: ProcessId = { pid: process.pid, startedTicks: startedTicks(process.pid) ?? '' };
  writeFileSync(ownerFile(dataDir), JSON.stringify(owner));
}

/** The pid of the process that owns the folder, when it lives and is not this one. */
export function livingOwner(dataDir: string): number | undefined {
  try {
    const owner = JSON.parse(readFileSync(ownerFile(dataDir), 'utf8')) as ProcessId;
    return owner.pid !== process.pid && startedTicks(owner.pid) === owner.startedTicks ? owner.pid : undefined;
  } catch {
    return undefined;
  }
}

/** The pid of a ClickHouse that runs on a store folder, if there is one (its pid alone may be another program's now). */
export function lockHolder(storeDir: string): number | undefined {
  try {
    const pid = Number(/^PID: (\d+)/.exec(readFileSync(join(storeDir, 'status'), 'utf8'))?.[1]);
    const runsHere = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(`--path=${storeDir}`);
    return runsHere && startedTicks(pid) !== undefined ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/<pid>/stat; undefined when there is no such process or it is a zombie. */
function startedTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
