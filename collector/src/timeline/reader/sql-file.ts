/** SQL lives in .sql files beside the code that runs them; each is read once, when its user is loaded. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

export type SqlFile = { readonly name: string; readonly text: string };

/** `loadSql(import.meta.url, 'history.sql')` reads the file beside the caller. */
export function loadSql(callerUrl: string, file: string): SqlFile {
  return { name: basename(file), text: readFileSync(fileURLToPath(new URL(file, callerUrl)), 'utf8') };
}
