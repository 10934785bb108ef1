/**
 * Every failure of the timeline, by a closed code. `retryable` says whether the same call can succeed later without
 * anybody changing anything. `message` says what, where and what to do; the causes are kept in `cause`.
 */
export type TimelineErrorCode =
  | 'no-embedded-server' // this platform has no packaged ClickHouse
  | 'data-dir-in-use' // another process owns the embedded server's folder
  | 'server-start-failed' // the child ended or was not ready in time
  | 'bad-store-settings' // CLICKHOUSE_URL and its companions do not make sense
  | 'migration-changed' // a migration that was already applied reads differently now
  | 'store-newer' // the store has migrations that this version does not know
  | 'store-refused' // schema, grants or credentials: an operator has to act
  | 'store-unreachable' // network, overload, timeout: retrying can help
  | 'bad-batch' // a batch that is neither new nor wholly recorded, or has rows that are not its own
  | 'unsafe-integer' // a 64-bit value beyond 2^53 was read
  | 'closed'; // the writer was closed while the call was waiting

export class TimelineError extends Error {
  override readonly name = 'TimelineError';
  readonly code: TimelineErrorCode;
  readonly retryable: boolean;

  constructor(code: TimelineErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'store-unreachable' || code === 'data-dir-in-use';
  }
}
