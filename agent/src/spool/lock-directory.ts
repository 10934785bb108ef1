import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SpoolError } from './spool-error.ts';

export type DirectoryLock = { release(): void };

/**
 * Makes this process the only one that works on a directory. The lock is the exclusive lock of an SQLite file: the
 * kernel drops it with the process, however that ends, so that there are no stale locks to detect and a process id that
 * was given to another process (or counts in another container) cannot mislead. `holder.json` only names the holder.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const holderPath = join(directory, 'holder.json');
  const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    const holder = await readFile(holderPath, 'utf8').catch(() => 'an unknown process');
    const advice = 'Stop the other agent, or give this one its own --state-dir';
    throw new SpoolError('locked', `${directory} is in use by ${holder.trim()}. ${advice}`, { cause });
  }
  const holder = { pid: process.pid, startedAt: new Date().toISOString() };
  // Only a hint for people: a full disk must not keep the agent from starting.
  await writeFile(holderPath, `${JSON.stringify(holder)}\n`, { mode: 0o600 }).catch(() => undefined);
  return {
    release() {
      database.close();
    },
  };
}
