/** The commit resolver of a collector: its mirrors, kept up to date until it is closed. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { type CommitResolver, createCommitResolver } from './commit-resolver.ts';
import { defaultGitLimits, type GitLimits } from './git-limits.ts';
import { GitMirror } from './git-mirror.ts';
import type { RepositoryEntry } from './repositories-file.ts';

export type CommitResolverOptions = {
  readonly repositories: readonly RepositoryEntry[];
  readonly dataDir: string;
  /** Where executables are looked for, as in PATH. */
  readonly searchPath: string;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly limits?: GitLimits;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
};

export type OpenCommitResolver = CommitResolver & { close(): Promise<void> };

/** Fetches go on in the background; nothing waits for the first. */
export function openCommitResolver(options: CommitResolverOptions): OpenCommitResolver {
  const { repositories, dataDir, searchPath, logger, registry, limits = defaultGitLimits, now } = options;
  const fetches = new Counter({
    name: 'driftline_git_fetches_total',
    help: 'Fetches of configured Git repositories',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const folder = join(dataDir, 'git');
  const mirrors = repositories.map(
    (entry) =>
      new GitMirror({
        entry,
        folder,
        searchPath,
        limits,
        logger,
        now,
        random: Math.random,
        onFetch: (outcome) => fetches.inc({ outcome }),
      }),
  );
  for (const mirror of mirrors) mirror.start();
  return {
    ...createCommitResolver(mirrors),
    close: async () => void (await Promise.all(mirrors.map((mirror) => mirror.close()))),
  };
}
