/**
 * The embedded server's three users. Passwords are random, made once, and kept in a file only its owner can read, so
 * that a person on the machine can use the store with other tools while the collector runs.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { StoreUser } from '../connection/store-connection.ts';

export type StoreUsers = { readonly owner: StoreUser; readonly writer: StoreUser; readonly reader: StoreUser };

const passwordBytes = 24;

/** Reads the credentials file, or makes it (mode 0600). */
export function ensureCredentials(file: string): StoreUsers {
  if (!existsSync(file)) {
    const password = () => randomBytes(passwordBytes).toString('base64url');
    const users: StoreUsers = {
      owner: { user: 'driftline_owner', password: password() },
      writer: { user: 'driftline_writer', password: password() },
      reader: { user: 'driftline_reader', password: password() },
    };
    writeFileSync(`${file}.new`, `${JSON.stringify(users, undefined, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    return users;
  }
  return JSON.parse(readFileSync(file, 'utf8')) as StoreUsers;
}
