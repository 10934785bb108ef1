/** What can go wrong in the protocol. Closed: callers switch on it, never on message text. */
export type ProtocolErrorCode =
  | 'undecodable' // bytes that are not a valid message, frame or UTF-8 text
  | 'too-large' // a named limit of limits.ts was passed
  | 'too-deep' // JSON nested deeper than maxJsonDepth
  | 'invalid-patch' // not an RFC 6902 document
  | 'patch-mismatch'; // a valid patch that does not fit the document

/** Says what is wrong and where. Never holds content of the input: it may be logged. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  /** True when the same call can succeed later without a change of input. Nothing here is: the input is at fault. */
  readonly retryable: boolean;

  constructor(code: ProtocolErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ProtocolError';
    this.code = code;
    this.retryable = false;
  }
}
