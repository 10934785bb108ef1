import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SpoolError } from './spool-error.ts';
import { replaceFile } from './sync-directory.ts';

const fileName = 'epoch.json';

const abandonedSchema = z.object({
  epoch: z.uuid(),
  /** Sequences that were in the spool and not yet recorded by the collector; 0 and 0 when there were none. */
  fromSequence: z.number().int().nonnegative(),
  toSequence: z.number().int().nonnegative(),
  reason: z.string(),
});
const epochSchema = z.object({ version: z.literal(1), epoch: z.uuid(), abandoned: abandonedSchema.optional() });

/** The stream that came before this epoch and what of it will never be sent. */
export type AbandonedEpoch = z.infer<typeof abandonedSchema>;
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
  const parsed = epochSchema.safeParse(parseJson(text));
  if (parsed.success) return { epoch: parsed.data.epoch, abandoned: parsed.data.abandoned };
  const advice = 'Restore it, or move the whole spool directory away to begin a new epoch (a gap will say so)';
  throw new SpoolError('unusable', `${path} does not hold an epoch. ${advice}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
