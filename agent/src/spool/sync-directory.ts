import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes creations, renames and deletions in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file so that, whatever happens, either the old or the new content is there afterwards. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, content, { mode: 0o600, flush: true });
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}
