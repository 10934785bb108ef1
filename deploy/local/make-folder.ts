import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The folder, and those above it that are missing, each readable by nobody else; throws when one cannot be.
 * Step by step: Node's own recursive mkdir never comes back from a file system that answers a new folder with "no such
 * file or directory", as /proc does.
 */
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // Another start was faster.
    if (code === 'EEXIST' && isFolder(folder)) return;
    if (code === 'ENOENT') throw new Error(`no folder can be made in ${parent}`, { cause });
    throw cause;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
