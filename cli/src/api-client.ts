/** The public HTTP API as the commands use it: typed pages, errors with what to do. */
import type { ApiPage } from '@driftline/proto';
import type { Connection } from './connection.ts';
import { CliError, exitCode } from './exit-code.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type ApiClient = {
  /** GET /api/v1/<path>. */
  get<T>(path: string, query?: Query): Promise<T>;
  /** Follows `next` until `limit` items came, or there are no more. */
  items<T>(path: string, query: Query, limit: number): AsyncIterable<T>;
};

/** One request, connection included. */
const requestTimeoutMs = 60_000;
/** What the API gives at most in one page. */
const pageItems = 500;

export function createApiClient(connection: Connection): ApiClient {
  async function get<T>(path: string, query: Query = {}): Promise<T> {
    const url = new URL(`${connection.url}/api/v1/${path}`);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') url.searchParams.set(key, String(value));
    }
    const response = await request(url, connection);
    if (response.ok) return await bodyOf<T>(response, connection);
    throw await errorOf(response, connection);
  }
  return {
    get,
    async *items<T>(path: string, query: Query, limit: number): AsyncGenerator<T, void> {
      let cursor: string | undefined;
      for (let left = limit; left > 0; ) {
        const page: ApiPage<T> = await get(path, { ...query, limit: Math.min(left, pageItems), cursor });
        if (!Array.isArray(page.items)) throw notTheApi(connection);
        yield* page.items;
        left -= page.items.length;
        if (page.next === null) return;
        cursor = page.next;
      }
    },
  };
}

async function bodyOf<T>(response: Response, connection: Connection): Promise<T> {
  const value: unknown = await response.json().catch(() => undefined);
  if (typeof value !== 'object' || value === null) throw notTheApi(connection);
  return value as T;
}

function notTheApi({ url }: Connection): CliError {
  return new CliError(exitCode.unavailable, `what answers at ${url} is not a collector's API: check the address`);
}

async function request(url: URL, connection: Connection): Promise<Response> {
  try {
    return await fetch(url, {
      headers: {
        accept: 'application/json',
        ...(connection.token === '' ? {} : { authorization: `Bearer ${connection.token}` }),
      },
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
  } catch (cause) {
    throw new CliError(
      exitCode.unavailable,
      `cannot reach the collector at ${connection.url}: ${reasonOf(cause)}. Is it running?`,
      { cause },
    );
  }
}

/** The innermost error that says something: a refused connection to a name with several addresses has an empty text. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${requestTimeoutMs / 1_000} s`;
  if (error.cause instanceof Error) return reasonOf(error.cause);
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  // OpenSSL's texts end with a line break.
  return error.message.trim();
}

async function errorOf(response: Response, connection: Connection): Promise<CliError> {
  const text = await response.text();
  const message = messageOf(text) ?? `${response.status} ${response.statusText}`;
  switch (response.status) {
    case 400:
    case 422:
      return new CliError(exitCode.usage, message);
    case 401:
    case 403:
      return new CliError(exitCode.unavailable, `the collector at ${connection.url} refuses this token: ${message}`);
    case 404:
      return new CliError(exitCode.notFound, message);
    default:
      return new CliError(
        exitCode.unavailable,
        `the collector at ${connection.url} answered ${response.status}: ${message}`,
      );
  }
}

function messageOf(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'error' in value) {
      const { error } = value;
      if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
    }
  } catch {
    return undefined;
  }
  return undefined;
}
