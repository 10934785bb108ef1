/** What the mirrors of Git repositories log. */
export const gitLog = {
  fetched: 'git-fetched',
  fetchFailed: 'git-fetch-failed',
  readFailed: 'git-read-failed',
} as const;
