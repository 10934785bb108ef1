import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, realpath } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import type { Hmac } from '@driftline/proto';
import { StartError } from './config-error.ts';

/** Shorter keys could be searched for. */
const minKeyBytes = 16;
const newKeyBytes = 32;
/** Characters of a redaction digest: 132 bits. */
const digestCharacters = 22;

export type RedactionKey = {
  readonly hmac: Hmac;
  /** Tells two keys apart and gives neither away. */
  readonly keyId: string;
};

type Options = {
  readonly path: string;
  /** The key must outlive it: it may be lost, and the key with it would make every secret look changed. */
  readonly stateDir: string;
  readonly createsMissing: boolean;
};

/** Throws StartError 'redaction-key'. */
export async function openRedactionKey(options: Options): Promise<RedactionKey> {
  await checkPlace(options);
  const key = (await readKey(options.path)) ?? (await makeKey(options));
  if (key.length < minKeyBytes) {
    throw fault(
      `the redaction key ${options.path} has ${key.length} bytes: it needs ${minKeyBytes}, better ${newKeyBytes}`,
    );
  }
  const digest = (text: string): string => createHmac('sha256', key).update(text).digest('base64url');
  return {
    hmac: (text) => digest(text).slice(0, digestCharacters),
    keyId: createHmac('sha256', key).update('driftline redaction key id').digest('hex').slice(0, 32),
  };
}

async function checkPlace({ path, stateDir }: Options): Promise<void> {
  const real = async (place: string): Promise<string> => realpath(place).catch(() => resolve(place));
  const [keyFolder, state] = await Promise.all([real(dirname(path)), real(stateDir)]);
  if (keyFolder !== state && !keyFolder.startsWith(state + sep)) return;
  throw fault(`the redaction key ${path} lies in the state directory, which it must outlive: keep it somewhere else`);
}

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw fault(`the redaction key ${path} cannot be read (${code ?? 'unknown error'})`, cause);
  }
}

async function makeKey({ path, createsMissing }: Options): Promise<Buffer> {
  if (!createsMissing) {
    const advice =
      'mount it, or make one with --create-redaction-key (a new key makes every secret look changed, once)';
    throw fault(`the redaction key ${path} does not exist: ${advice}`);
  }
  const key = randomBytes(newKeyBytes);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.write(key);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fault(`the redaction key ${path} cannot be made: check the folder's permissions`, cause);
  }
  return key;
}

const fault = (message: string, cause?: unknown): StartError =>
  new StartError('redaction-key', message, cause === undefined ? {} : { cause });
