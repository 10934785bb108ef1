/** Which files of a folder are policies. Links are followed: a mounted ConfigMap or a Git sync consists of them. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type PolicyFilePlace = {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  /** To open it. */
  readonly file: string;
};

/**
 * YAML, bundles of compiled Rego and the sources of relation controls, anywhere below the folder, ordered by path. Names
 * that begin with two dots are how a mounted volume keeps its generations, which are seen through its links only.
 * Rejects when something cannot be read, a link to nothing included.
 */
export async function findPolicyFiles(folder: string): Promise<readonly PolicyFilePlace[]> {
  const found = await filesBelow(folder, '', []);
  return found.filter(({ path }) => isPolicyFile(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function isRegoBundle({ path }: PolicyFilePlace): boolean {
  return path.endsWith('.tar.gz');
}

function isPolicyFile(path: string): boolean {
  if (/\.ya?ml$|\.tar\.gz$/.test(path)) return true;
  return /(^|\/)relation\//.test(path) && path.endsWith('.ts') && !path.endsWith('.test.ts');
}

/** `above`: the folders that lead here, so that a link to one of them ends. */
async function filesBelow(
  folder: string,
  prefix: string,
  above: readonly string[],
): Promise<readonly PolicyFilePlace[]> {
  const real = await realpath(folder);
  if (above.includes(real)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const below = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith('..') && name !== '.git')
      .map(async (entry) => {
        const place = { path: `${prefix}${entry.name}`, file: join(folder, entry.name) };
        const target = entry.isSymbolicLink() ? await stat(place.file) : entry;
        if (target.isDirectory()) return filesBelow(place.file, `${place.path}/`, [...above, real]);
        return target.isFile() ? [place] : [];
      }),
  );
  return below.flat();
}
