/**
 * Where built and downloaded test components are kept between runs: outside the checkout, in a folder named by a digest
 * of everything that went into it, so that a new version never meets an old artefact.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const root =
  process.env.DRIFTLINE_TEST_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'driftline-test');

/** Hex digest of the files' contents and the extra strings. */
export function digestOf(files: readonly string[], ...extra: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(text).update('\0');
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

export function cacheFolder(name: string, digest: string): string {
  return join(root, `${name}-${digest}`);
}

/** The folder for this name and digest; `build` fills it when it is not there, and a failed build leaves nothing. */
export function cached(name: string, digest: string, build: (folder: string) => void): string {
  const folder = cacheFolder(name, digest);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    build(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true, maxRetries: 10 });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
