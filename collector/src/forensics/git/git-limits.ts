/** Bounds of what is asked of Git. */
export type GitLimits = {
  /** Between two fetches of a repository that answers. */
  readonly fetchIntervalMs: number;
  readonly fetchTimeoutMs: number;
  /** Waits after failed fetches double from the first to the second. */
  readonly fetchRetryFirstMs: number;
  readonly fetchRetryMaxMs: number;
  /** Of one look into the mirror. */
  readonly readTimeoutMs: number;
  /** Larger commits (message and signature included) stay unresolved. */
  readonly commitBytes: number;
  /** Of one answer of git. */
  readonly outputBytes: number;
  /** Commits that are remembered, of one repository. */
  readonly cachedCommits: number;
  /** Characters of a subject, a name, a trailer. */
  readonly textCharacters: number;
  /** Trailers of a commit. */
  readonly trailers: number;
};

export const defaultGitLimits: GitLimits = {
  fetchIntervalMs: 60_000,
  fetchTimeoutMs: 300_000,
  fetchRetryFirstMs: 5_000,
  fetchRetryMaxMs: 900_000,
  readTimeoutMs: 10_000,
  commitBytes: 256 * 1024,
  outputBytes: 32 * 1024 * 1024,
  cachedCommits: 10_000,
  textCharacters: 512,
  trailers: 50,
};
