import type { IncomingHttpHeaders } from 'node:http';

/** What can go wrong between the agent and the API server. Closed: callers switch on it, never on message text. */
export type KubeErrorCode =
  | 'unauthorized' // 401: credentials are missing, expired or revoked
  | 'forbidden' // 403: the ServiceAccount may not do this
  | 'not-found' // 404: the path, group or kind is not served
  | 'expired' // 410: the resource version or continue token is too old
  | 'invalid' // another 4xx: the server does not take this request
  | 'throttled' // 429: later, see retryAfterMs
  | 'unavailable' // 5xx
  | 'network' // no connection, reset, premature end
  | 'timeout' // no answer, or no byte, within a named limit
  | 'malformed' // an answer that is not what the API promises
  | 'too-large' // an answer beyond a named limit
  | 'credentials' // kubeconfig, token file or exec plugin could not be read
  | 'aborted'; // the caller's signal

const retryableCodes: ReadonlySet<KubeErrorCode> = new Set(['throttled', 'unavailable', 'network', 'timeout']);

type Details = {
  readonly status?: number;
  readonly reason?: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
};

/** Never holds content of an object: it may be logged and sent. */
export class KubeError extends Error {
  readonly code: KubeErrorCode;
  /** HTTP status, 0 when there was no answer. */
  readonly status: number;
  /** `reason` of the API server's Status, e.g. 'Expired'; '' when there was none. */
  readonly reason: string;
  readonly retryable: boolean;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(code: KubeErrorCode, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KubeError';
    this.code = code;
    this.status = details.status ?? 0;
    this.reason = details.reason ?? '';
    this.retryable = retryableCodes.has(code);
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Total: whatever was thrown becomes a KubeError. */
  static from(thrown: unknown, where: string): KubeError {
    if (thrown instanceof KubeError) return thrown;
    const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (cause.name === 'AbortError') return new KubeError('aborted', `${where}: stopped`, { cause });
    const code = 'code' in cause ? String(cause.code) : cause.name;
    return new KubeError('network', `${where}: ${code}`, { cause });
  }
}

/** The longest wait that a server can ask for: beyond 2^31 ms a timer does not wait at all. */
const maxRetryAfterS = 999_999;

/** Longest part of a server's message that is kept. */
const maxMessageLength = 300;

/** The error that an HTTP status and the text of a Status body amount to. `body` may be anything. */
export function errorFromResponse(
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
  where: string,
): KubeError {
  const parsed = parseStatus(body);
  const retryAfterMs = parseRetryAfter(headers['retry-after']) ?? parsed.retryAfterMs;
  const message = `${where}: HTTP ${status}${parsed.message === '' ? '' : `, ${parsed.message}`}`;
  return new KubeError(codeOfStatus(status), message, { status, reason: parsed.reason, retryAfterMs });
}

/** The error that a watch's ERROR event carries: `object` is a Status. */
export function errorFromStatusObject(object: unknown, where: string): KubeError {
  const parsed = readStatus(object);
  const message = `${where}: ${parsed.message === '' ? 'the server reported an error' : parsed.message}`;
  return new KubeError(codeOfStatus(parsed.code), message, {
    status: parsed.code,
    reason: parsed.reason,
    retryAfterMs: parsed.retryAfterMs,
  });
}

function codeOfStatus(status: number): KubeErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 410) return 'expired';
  if (status === 429) return 'throttled';
  if (status >= 400 && status < 500) return 'invalid';
  return 'unavailable';
}

type StatusFields = {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
};

function parseStatus(body: string): StatusFields {
  try {
    return readStatus(JSON.parse(body));
  } catch {
    return readStatus(undefined);
  }
}

function readStatus(value: unknown): StatusFields {
  const status = asRecord(value);
  const details = asRecord(status['details']);
  const retryAfterS = details['retryAfterSeconds'];
  return {
    code: typeof status['code'] === 'number' ? status['code'] : 500,
    reason: text(status['reason']),
    message: text(status['message']).slice(0, maxMessageLength),
    retryAfterMs:
      typeof retryAfterS === 'number' && retryAfterS > 0 ? Math.min(retryAfterS, maxRetryAfterS) * 1000 : undefined,
  };
}

function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,6}$/.test(header)) return undefined;
  return Number(header) * 1000;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
