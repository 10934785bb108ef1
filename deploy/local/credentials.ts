/** Credentials of the local system, made at the first start and kept: one agent token per cluster, one reader token. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

type Entry = {
  readonly token: string;
  readonly tenant: string;
  readonly cluster?: string;
  readonly role: 'agent' | 'reader';
};

export type LocalCredentials = {
  readonly tokensFile: string;
  readonly agentToken: string;
  readonly readerToken: string;
};

export function ensureCredentials(home: string, cluster: string): LocalCredentials {
  const tokensFile = join(home, 'tokens.json');
  const { tokens } = existsSync(tokensFile)
    ? (JSON.parse(readFileSync(tokensFile, 'utf8')) as { readonly tokens: readonly Entry[] })
    : { tokens: [] as readonly Entry[] };
  const agent =
    tokens.find((entry) => entry.role === 'agent' && entry.cluster === cluster) ?? newEntry({ role: 'agent', cluster });
  const reader = tokens.find((entry) => entry.role === 'reader') ?? newEntry({ role: 'reader' });
  const all = [...tokens.filter((entry) => entry !== agent && entry !== reader), reader, agent];
  writeSecret(tokensFile, `${JSON.stringify({ tokens: all }, null, 2)}\n`);
  return { tokensFile, agentToken: agent.token, readerToken: reader.token };
}

function newEntry(rest: { readonly role: Entry['role']; readonly cluster?: string }): Entry {
  return { token: randomBytes(24).toString('base64url'), tenant: 'default', ...rest };
}

/** Readable by the owner only, and never half written. */
export function writeSecret(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Where the CLI finds the running collector; the newest one, when several run. */
export function writeConnection(
  home: string,
  connection: { readonly url: string; readonly token: string },
): () => void {
  const path = join(home, 'connection.json');
  const text = `${JSON.stringify(connection)}\n`;
  writeSecret(path, text);
  return () => {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) rmSync(path, { force: true });
  };
}
