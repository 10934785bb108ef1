/** Bounds of observing. Names carry units; defaults are below. */
export type WatchLimits = {
  /** Objects in one page of a list. */
  readonly listPageItems: number;
  /** Lists and streamed initial states under way at once, over all kinds: the API server's other clients come first. */
  readonly maxConcurrentLists: number;
  /** Watches being opened at once. */
  readonly maxConcurrentOpens: number;
  /** Largest object, as JSON. etcd refuses requests beyond 1.5 MB by default. */
  readonly maxObjectBytes: number;
  /** What all kinds together may have handed to the spool without it being durable yet. */
  readonly maxInFlightBytes: number;
  /** A watch is asked to end after one to two times this, as client-go does. */
  readonly watchTimeoutS: number;
  /** A watch or list without a byte for this long is taken for dead. Bookmarks come about each minute. */
  readonly idleTimeoutMs: number;
  /** How far an API server's watch cache is believed to be behind etcd at most, when a bookmark is dated by it. */
  readonly watchCacheLagMs: number;
  /** First and longest pause between attempts; the actual one is random between half and whole. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** A watch that lived for this long was healthy: the next failure starts from retryBaseMs. */
  readonly healthyAfterMs: number;
  /** Attempts that fail in a row before coverage says 'failing'. */
  readonly failingAfterAttempts: number;
  /** Attempts to resume that the server itself refuses before the kind is listed anew. */
  readonly relistAfterAttempts: number;
  /** Refusals of a kind that was allowed before they count; the pauses between them begin at retryBaseMs and double. */
  readonly forbiddenAfterAttempts: number;
  /** How often a forbidden kind is tried again. */
  readonly forbiddenRetryMs: number;
  readonly discoveryIntervalMs: number;
  /** From a change of a CRD or APIService to looking again; then again after four and sixteen times this. */
  readonly discoveryDebounceMs: number;
};

export const defaultWatchLimits: WatchLimits = {
  listPageItems: 500,
  maxConcurrentLists: 4,
  maxConcurrentOpens: 8,
  maxObjectBytes: 8 * 1024 * 1024,
  maxInFlightBytes: 4 * 1024 * 1024,
  watchTimeoutS: 300,
  idleTimeoutMs: 150_000,
  watchCacheLagMs: 30_000,
  retryBaseMs: 500,
  retryMaxMs: 30_000,
  healthyAfterMs: 10_000,
  failingAfterAttempts: 3,
  relistAfterAttempts: 6,
  forbiddenAfterAttempts: 5,
  forbiddenRetryMs: 60_000,
  discoveryIntervalMs: 300_000,
  discoveryDebounceMs: 1000,
};

export type WatchConfig = {
  /** Kinds to watch: `pods`, `deployments.apps`, with * for any text. */
  readonly include: readonly string[];
  /** Kinds not to watch, stronger than include. */
  readonly exclude: readonly string[];
  /** Ask for initial states as a stream where the server has it. */
  readonly usesWatchList: boolean;
  readonly limits: WatchLimits;
};

/** Heartbeats: they change all the time, and say nothing about posture. */
export const defaultExclude: readonly string[] = [
  'events',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
  'endpoints',
  'endpointslices.discovery.k8s.io',
  'componentstatuses',
];

export const defaultWatchConfig: WatchConfig = {
  include: ['*'],
  exclude: defaultExclude,
  usesWatchList: true,
  limits: defaultWatchLimits,
};
