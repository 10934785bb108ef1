import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { type Json, isJsonObject, ownValue } from '@driftline/proto';
import { replaceFile } from '../spool/sync-directory.ts';
import { AuditError } from './audit-error.ts';

/** Bytes at the start of a log file that tell it from another one that was given the same inode. */
const maxHeadBytes = 1024;

/** Where reading a log goes on. */
export type LogCheckpoint = {
  readonly version: 1;
  readonly inode: string;
  /** Everything before it is durable in the spool. */
  readonly offset: number;
  readonly headBytes: number;
  readonly headDigest: string;
  readonly savedAtUs: number;
};

export async function readCheckpoint(path: string): Promise<LogCheckpoint | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AuditError('checkpoint-unusable', `cannot read ${path}`, { cause: error });
  }
  const checkpoint = parseCheckpoint(text);
  if (checkpoint !== undefined) return checkpoint;
  const advice = 'delete it to read the log from its beginning (events that are known are recognised)';
  throw new AuditError('checkpoint-unusable', `${path} is not a checkpoint: ${advice}`);
}

function parseCheckpoint(text: string): LogCheckpoint | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || ownValue(value, 'version') !== 1) return undefined;
  const [inode, headDigest] = [ownValue(value, 'inode'), ownValue(value, 'headDigest')];
  const counts = [ownValue(value, 'offset'), ownValue(value, 'headBytes'), ownValue(value, 'savedAtUs')];
  const [offset, headBytes, savedAtUs] = counts.filter(isCount);
  if (typeof inode !== 'string' || typeof headDigest !== 'string') return undefined;
  if (offset === undefined || headBytes === undefined || savedAtUs === undefined) return undefined;
  return headBytes > maxHeadBytes ? undefined : { version: 1, inode, offset, headBytes, headDigest, savedAtUs };
}

const isCount = (value: Json | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

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
