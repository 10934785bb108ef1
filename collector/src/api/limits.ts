/** Bounds of the API. What passes them is refused by name and counted (`driftline_api_limited_total`). */
export type ApiLimits = {
  /** Open connections; more are closed before anything is read. */
  readonly connections: number;
  /** Request line and headers. A cursor alone may hold 8,192 characters. */
  readonly headerBytes: number;
  /** No operation takes a body. */
  readonly bodyBytes: number;
  readonly tlsHandshakeTimeoutMs: number;
  /** From the first byte of a request to the last of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** An idle connection between two requests. */
  readonly keepAliveTimeoutMs: number;
  /** Questions that are answered at once, over all tenants, and of one. */
  readonly requestsAtOnce: number;
  readonly requestsAtOncePerTenant: number;
  /** Of one query in the store: time, and memory there. */
  readonly queryTimeoutMs: number;
  readonly queryMemoryBytes: number;
  /** Of stored objects that one answer holds: a page ends where they pass it, and the next one goes on. */
  readonly answerBodyCharacters: number;
};

export const defaultApiLimits: ApiLimits = {
  connections: 1_024,
  headerBytes: 24 * 1024,
  bodyBytes: 1_024,
  tlsHandshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  requestsAtOnce: 64,
  requestsAtOncePerTenant: 16,
  queryTimeoutMs: 30_000,
  queryMemoryBytes: 1024 * 1024 * 1024,
  answerBodyCharacters: 16 * 1024 * 1024,
};

/** Characters of a parameter, and of a cursor, which holds names and a field path. */
export const maxParameterCharacters = 1_024;
export const maxCursorCharacters = 8_192;
