import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { readHead } from './log-checkpoint.ts';
import type { LogCheckpoint } from './log-checkpoint.ts';

export type LogFile = {
  readonly path: string;
  readonly inode: string;
  readonly mtimeMs: number;
  readonly bytes: number;
  /** gzip: read whole, from a copy that is unpacked on the side. */
  readonly isPacked: boolean;
};

/** Where packed files are unpacked, and what one may come to. */
export type Unpacking = { readonly folder: string; readonly limitBytes: number };

/**
 * The rotated files of a log and the log itself, oldest first. Rotated names begin like the log's: `audit-<time>.log`
 * (the API server's own rotation) or `audit.log.1` (logrotate), with `.gz` when they were compressed since.
 */
export async function listLogFiles(path: string): Promise<LogFile[]> {
  const name = basename(path);
  const stem = name.slice(0, name.length - extname(name).length);
  const names = await readdir(dirname(path)).catch(() => []);
  const candidates = names.filter((each) => each.startsWith(stem) && !/\.(zst|bz2|xz)$/.test(each));
  const files = await Promise.all(candidates.map((each) => statLog(join(dirname(path), each))));
  const plain = new Set(names);
  // While a file is being compressed both are there.
  const found = files.filter((file) => file !== undefined && !(file.isPacked && plain.has(basename(file.path, '.gz'))));
  const isLog = (file: LogFile): number => (file.path === path ? 1 : 0);
  return found.filter((file) => file !== undefined).sort((a, b) => isLog(a) - isLog(b) || a.mtimeMs - b.mtimeMs);
}

export async function statLog(path: string): Promise<LogFile | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return undefined;
  const inode = `${stats.dev}:${stats.ino}`;
  const isPacked = path.endsWith('.gz');
  return { path, inode, mtimeMs: Number(stats.mtimeMs), bytes: Number(stats.size), isPacked };
}

/**
 * Whether the file is the one in which the checkpoint was taken: same inode (a compressed one is another file), long
 * enough, same beginning.
 */
export async function isCheckpointed(file: LogFile, checkpoint: LogCheckpoint, unpacking: Unpacking): Promise<boolean> {
  if (!file.isPacked && (file.inode !== checkpoint.inode || file.bytes < checkpoint.offset)) return false;
  const handle = await openLog(file, unpacking).catch(() => undefined);
  if (handle === undefined) return false;
  try {
    if ((await handle.stat()).size < checkpoint.offset) return false;
    const { headDigest } = await readHead(handle, checkpoint.headBytes);
    return headDigest === checkpoint.headDigest;
  } finally {
    await handle.close();
  }
}

/** Undefined when it does not exist (any more). Throws when a packed one cannot be unpacked. */
export async function openLog(
  { path, isPacked }: Pick<LogFile, 'path' | 'isPacked'>,
  unpacking: Unpacking,
): Promise<FileHandle | undefined> {
  try {
    return isPacked ? await unpack(path, unpacking) : await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The copy has no name: it goes when it is closed. */
async function unpack(path: string, { folder, limitBytes }: Unpacking): Promise<FileHandle> {
  const copy = join(folder, `unpacked-${randomUUID()}`);
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      bytes += chunk.length;
      if (bytes > limitBytes) done(new Error(`more than ${limitBytes} bytes when unpacked`));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(createReadStream(path), createGunzip(), bounded, createWriteStream(copy, { mode: 0o600 }));
    return await open(copy, 'r');
  } finally {
    await rm(copy, { force: true });
  }
}
