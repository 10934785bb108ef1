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

/**
 * Where the CLI finds the running collector; the newest one, when several run. When that ends, or does not get up, the
 * one before is found again.
 */
export function writeConnection(
  home: string,
  connection: { readonly url: string; readonly token: string; readonly pid: number },
): () => void {
  const path = join(home, 'connection.json');
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const text = `${JSON.stringify(connection)}\n`;
  writeSecret(path, text);
  return () => {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) return;
    if (before !== undefined && isRunning(before)) writeSecret(path, before);
    else rmSync(path, { force: true });
  };
}

/** Whether the process that left the connection is still there. */
function isRunning(connection: string): boolean {
  const { pid } = parse(connection);
  if (pid === undefined || pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What another process says of itself in this home, if it is still there. */
export function runningConnection(home: string): { readonly url: string; readonly pid: number } | undefined {
  const path = join(home, 'connection.json');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const { url, pid } = parse(text);
  return url !== undefined && pid !== undefined && isRunning(text) ? { url, pid } : undefined;
}

/** A file that somebody has damaged names nobody. */
function parse(connection: string): { readonly url?: string; readonly pid?: number } {
  try {
    return JSON.parse(connection) as { readonly url?: string; readonly pid?: number };
  } catch {
    return {};
  }
}
