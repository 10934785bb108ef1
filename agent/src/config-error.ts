/** What keeps an agent from starting. Closed: callers switch on it. */
export type StartErrorCode =
  | 'usage' // a flag or variable is missing, unknown or not what it must be
  | 'redaction-key' // the key is missing, unreadable, too short or in a place where it must not be
  | 'api-server' // the API server cannot be reached or does not let the agent in
  | 'other-cluster' // the state directory holds the stream of another cluster
  | 'listen-failed'; // the health port cannot be used

/** Its message is meant for the person who starts the agent: what, where, and what to do. */
export class StartError extends Error {
  readonly code: StartErrorCode;
  readonly retryable: boolean;

  constructor(code: StartErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
    this.retryable = code === 'api-server';
  }
}
