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
  const database = takeLock(join(directory, 'lock'));
  if (database === undefined) {
    const holder = await readFile(holderPath, 'utf8').catch(() => 'an unknown process');
    const advice = 'Stop the other agent, or give this one its own --state-dir';
    throw new SpoolError('locked', `${directory} is in use by ${holder.trim()}. ${advice}`);
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

const sqliteBusy = 5;

/** Undefined when another process has it. */
function takeLock(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy) return undefined;
    const reason = cause instanceof Error ? cause.message : 'unknown error';
    throw new SpoolError('unusable', `${path} cannot be locked (${reason}): check its permissions`, { cause });
  }
}
