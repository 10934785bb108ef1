/**
 * One `npm start` for a folder: a second one would start parts that fail on the first one's data, and write into its logs.
 * The lock is the operating system's, on a file that SQLite opens: it ends with the process, however that ends.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What gives the lock back; undefined when somebody else has it. */
export function lockFolder(folder: string): (() => void) | undefined {
  const file = new DatabaseSync(join(folder, 'start.lock'), { timeout: 0 });
  try {
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === busy) return undefined;
    throw error;
  }
  return () => file.close();
}

/** SQLITE_BUSY */
const busy = 5;
