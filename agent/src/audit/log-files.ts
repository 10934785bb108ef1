import { open, readdir, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { readHead } from './log-checkpoint.ts';
import type { LogCheckpoint } from './log-checkpoint.ts';

export type LogFile = {
  readonly path: string;
  readonly inode: string;
  readonly mtimeMs: number;
  readonly bytes: number;
};

/**
 * The rotated files of a log and the log itself, oldest first. Rotated names begin like the log's: `audit-<time>.log`
 * (the API server's own rotation) or `audit.log.1` (logrotate). Compressed ones are not read.
 */
export async function listLogFiles(path: string): Promise<LogFile[]> {
  const name = basename(path);
  const stem = name.slice(0, name.length - extname(name).length);
  const names = await readdir(dirname(path)).catch(() => []);
  const candidates = names.filter((each) => each.startsWith(stem) && !/\.(gz|zst|bz2|xz)$/.test(each));
  const files = await Promise.all(candidates.map((each) => statLog(join(dirname(path), each))));
  const found = files.filter((file) => file !== undefined);
  const isLog = (file: LogFile): number => (file.path === path ? 1 : 0);
  return found.sort((a, b) => isLog(a) - isLog(b) || a.mtimeMs - b.mtimeMs);
}

export async function statLog(path: string): Promise<LogFile | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return undefined;
  return { path, inode: `${stats.dev}:${stats.ino}`, mtimeMs: Number(stats.mtimeMs), bytes: Number(stats.size) };
}

/** Whether the file is the one in which the checkpoint was taken: same inode, long enough, same beginning. */
export async function isCheckpointed(file: LogFile, checkpoint: LogCheckpoint): Promise<boolean> {
  if (file.inode !== checkpoint.inode || file.bytes < checkpoint.offset) return false;
  const handle = await openLog(file.path);
  if (handle === undefined) return false;
  try {
    const { headDigest } = await readHead(handle, checkpoint.headBytes);
    return headDigest === checkpoint.headDigest;
  } finally {
    await handle.close();
  }
}

/** Undefined when it does not exist (any more). */
export async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
