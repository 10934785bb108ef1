/** What can go wrong with a spool. Closed: callers switch on it, never on message text. */
export type SpoolErrorCode =
  | 'closed' // the spool is closing; nothing of the call was promised
  | 'locked' // another process works on the directory
  | 'unusable' // the directory, its epoch file or its format version cannot be used
  | 'undecodable'; // a record passed its checksum and still does not decode

export class SpoolError extends Error {
  readonly code: SpoolErrorCode;
  readonly retryable: boolean;

  constructor(code: SpoolErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'SpoolError';
    this.code = code;
    this.retryable = code === 'locked';
  }
}

/** Of a call that came too late. */
export const closed = (cause?: unknown): SpoolError =>
  new SpoolError('closed', 'the spool is closing', cause === undefined ? {} : { cause });
