/** What keeps an uplink from being set up at all. Closed: callers switch on it. */
export type UplinkErrorCode =
  | 'invalid-address' // the collector's address is not http(s)://host:port
  | 'credentials-unreadable' // a token, CA, certificate or key file cannot be read or is empty
  | 'insecure-transport'; // a token would travel in clear text to another machine

export class UplinkError extends Error {
  readonly code: UplinkErrorCode;
  /** Files may appear or be repaired; an address does not change by itself. */
  readonly retryable: boolean;

  constructor(code: UplinkErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'UplinkError';
    this.code = code;
    this.retryable = code === 'credentials-unreadable';
  }
}
