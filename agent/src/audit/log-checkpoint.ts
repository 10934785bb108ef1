import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { replaceFile } from '../spool/sync-directory.ts';
import { AuditError } from './audit-error.ts';

/** Bytes at the start of a log file that tell it from another one that was given the same inode. */
const maxHeadBytes = 1024;

const checkpointSchema = z.object({
  version: z.literal(1),
  inode: z.string(),
  /** Everything before it is durable in the spool. */
  offset: z.number().int().nonnegative(),
  headBytes: z.number().int().min(0).max(maxHeadBytes),
  headDigest: z.string(),
  savedAtUs: z.number().int().nonnegative(),
});

/** Where reading a log goes on. */
export type LogCheckpoint = z.infer<typeof checkpointSchema>;

export async function readCheckpoint(path: string): Promise<LogCheckpoint | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AuditError('checkpoint-unusable', `cannot read ${path}`, { cause: error });
  }
  try {
    return checkpointSchema.parse(JSON.parse(text));
  } catch (cause) {
    const advice = 'delete it to read the log from its beginning (events that are known are recognised)';
    throw new AuditError('checkpoint-unusable', `${path} is not a checkpoint: ${advice}`, { cause });
  }
}

export async function writeCheckpoint(path: string, checkpoint: Omit<LogCheckpoint, 'version'>): Promise<void> {
  await replaceFile(path, `${JSON.stringify({ version: 1, ...checkpoint })}\n`);
}

export type LogHead = { readonly headBytes: number; readonly headDigest: string };

/** Digest of a file's first bytes, as many as are before `offset` and at most maxHeadBytes. */
export async function readHead(file: FileHandle, offset: number): Promise<LogHead> {
  const bytes = Buffer.alloc(Math.min(offset, maxHeadBytes));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const head = bytes.subarray(0, bytesRead);
  return { headBytes: head.length, headDigest: createHash('sha256').update(head).digest('hex') };
}
