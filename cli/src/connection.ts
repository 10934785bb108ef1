/**
 * Where the collector's API is and how to speak to it: flags, then DRIFTLINE_URL, DRIFTLINE_TOKEN (or
 * DRIFTLINE_TOKEN_FILE) and DRIFTLINE_CA_FILE, then the file `.driftline/connection.json` that a running `npm start`
 * leaves in its checkout (looked for upwards from here), then the same in the home directory.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { CliError, exitCode } from './exit-code.ts';

export type Connection = { readonly url: string; readonly token: string };

export type ConnectionSources = {
  readonly server: string | undefined;
  readonly tokenFile: string | undefined;
  /** PEM with the authority of the API's certificate, beside those that Node trusts. */
  readonly caFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string | undefined;
};

export function findConnection(sources: ConnectionSources): Connection {
  const file = sources.server === undefined && sources.env.DRIFTLINE_URL === undefined ? findFile(sources) : undefined;
  const url = sources.server ?? sources.env.DRIFTLINE_URL ?? file?.url;
  if (url === undefined) {
    throw new CliError(
      exitCode.unavailable,
      "no collector to ask: start one with 'npm start' in the checkout, or set DRIFTLINE_URL and DRIFTLINE_TOKEN (or --server and --token-file)",
    );
  }
  if (!URL.canParse(url))
    throw new CliError(exitCode.usage, `'${url}' is not a URL: expected something like https://driftline.example.com`);
  trust(sources.caFile ?? sources.env.DRIFTLINE_CA_FILE);
  return { url: url.replace(/\/+$/, ''), token: findToken(sources) ?? file?.token ?? '' };
}

function findToken({ tokenFile, env }: ConnectionSources): string | undefined {
  if (tokenFile !== undefined) return readToken(tokenFile);
  if (env.DRIFTLINE_TOKEN !== undefined) return env.DRIFTLINE_TOKEN;
  return env.DRIFTLINE_TOKEN_FILE === undefined ? undefined : readToken(env.DRIFTLINE_TOKEN_FILE);
}

/** For every request of this process: `fetch` takes no authority of its own. */
function trust(caFile: string | undefined): void {
  if (caFile === undefined || caFile === '') return;
  try {
    const pem = readFileSync(caFile, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate');
    setDefaultCACertificates([...getCACertificates('default'), pem]);
  } catch (cause) {
    const message = `cannot use the CA file ${caFile}: it must be a readable file of PEM certificates`;
    throw new CliError(exitCode.usage, message, { cause });
  }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new CliError(exitCode.usage, `cannot read the token file ${path}`, { cause });
  }
}

function findFile({ cwd, home }: ConnectionSources): Connection | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const connection = readConnection(join(folder, '.driftline', 'connection.json'));
    if (connection !== undefined) return connection;
    if (folder === dirname(folder))
      return home === undefined ? undefined : readConnection(join(home, '.driftline', 'connection.json'));
  }
}

function readConnection(path: string): Connection | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && 'url' in value && 'token' in value) {
      return { url: String(value.url), token: String(value.token) };
    }
  } catch (cause) {
    throw new CliError(
      exitCode.usage,
      `${path} is not valid JSON: stop the collector, remove the file and start again`,
      { cause },
    );
  }
  throw new CliError(
    exitCode.usage,
    `${path} has no url and token: stop the collector, remove the file and start again`,
  );
}
