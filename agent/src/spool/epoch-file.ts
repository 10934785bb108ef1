import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Json, type JsonObject, isJsonObject, ownObject, ownString, ownValue } from '@driftline/proto';
import { SpoolError } from './spool-error.ts';
import { replaceFile } from './sync-directory.ts';

const fileName = 'epoch.json';

/** The stream that came before this epoch and what of it will never be sent. */
export type AbandonedEpoch = {
  readonly epoch: string;
  /** Sequences that were in the spool and not yet recorded by the collector; 0 and 0 when there were none. */
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly reason: string;
};
export type EpochIdentity = { readonly epoch: string; readonly abandoned: AbandonedEpoch | undefined };

/** The durable identity of the stream; made on the first start. */
export async function openEpoch(directory: string): Promise<EpochIdentity> {
  return (await readEpoch(directory)) ?? (await writeEpoch(directory, undefined));
}

/** Begins another stream. The records of the one before are deleted when the spool is opened next. */
export async function writeEpoch(directory: string, abandoned: AbandonedEpoch | undefined): Promise<EpochIdentity> {
  const epoch = randomUUID();
  const content = { version: 1, epoch, ...(abandoned === undefined ? {} : { abandoned }) };
  await replaceFile(join(directory, fileName), `${JSON.stringify(content)}\n`);
  return { epoch, abandoned };
}

export async function readEpoch(directory: string): Promise<EpochIdentity | undefined> {
  const path = join(directory, fileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SpoolError('unusable', `cannot read ${path}: check that the agent's user may`, { cause: error });
  }
  const identity = parseIdentity(text);
  if (identity !== undefined) return identity;
  const advice = 'Restore it, or move the whole spool directory away to begin a new epoch (a gap will say so)';
  throw new SpoolError('unusable', `${path} does not hold an epoch. ${advice}`);
}

function parseIdentity(text: string): EpochIdentity | undefined {
  const value = parseJson(text);
  if (!isJsonObject(value) || ownValue(value, 'version') !== 1) return undefined;
  const epoch = ownString(value, 'epoch');
  const abandoned = parseAbandoned(value);
  return isEpoch(epoch) && abandoned !== 'unreadable' ? { epoch, abandoned } : undefined;
}

function parseAbandoned(value: JsonObject): AbandonedEpoch | undefined | 'unreadable' {
  if (!Object.hasOwn(value, 'abandoned')) return undefined;
  const abandoned = ownObject(value, 'abandoned');
  if (abandoned === undefined) return 'unreadable';
  const [fromSequence, toSequence] = [ownValue(abandoned, 'fromSequence'), ownValue(abandoned, 'toSequence')];
  const [epoch, reason] = [ownString(abandoned, 'epoch'), ownValue(abandoned, 'reason')];
  if (!isSequence(fromSequence) || !isSequence(toSequence)) return 'unreadable';
  if (!isEpoch(epoch) || typeof reason !== 'string') return 'unreadable';
  return { epoch, fromSequence, toSequence, reason };
}

const isEpoch = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
const isSequence = (value: Json | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
