import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every file below a folder in which servers work; what they take away meanwhile is left out. */
export function* filesUnder(folder: string): Generator<readonly [path: string, bytes: Buffer]> {
  for (const entry of unlessGone(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    const bytes = entry.isFile() ? unlessGone(() => readFileSync(path)) : undefined;
    if (bytes !== undefined) yield [path, bytes];
  }
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
