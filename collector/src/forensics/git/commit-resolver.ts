/**
 * Evidence with the commits it names. A recorded change keeps the revision; what stands behind it is looked up when
 * somebody asks, in mirrors of the configured repositories. A change resolves only in repositories that are configured
 * for its tenant and cluster: a commit's id is no permission to read it.
 */
import type { ApiApproval, ApiChange, ApiCommit, ApiGitRepository } from '@driftline/proto';
import type { FoundCommits, GitMirror } from './git-mirror.ts';
import { normalRepository, type Revision, revisionOf } from './revision.ts';
import type { RepositoryEntry } from './repositories-file.ts';

export type CommitResolver = {
  /** The same changes, in order. */
  resolve(tenant: string, changes: readonly ApiChange[]): Promise<readonly ApiChange[]>;
  /** `cluster`: '' for all of the tenant. */
  status(tenant: string, cluster: string): readonly ApiGitRepository[];
};

/** Where no repository is configured. */
export const noCommits: CommitResolver = {
  resolve: async (_tenant, changes) => changes,
  status: () => [],
};

type Mirror = Pick<GitMirror, 'entry' | 'status' | 'find'>;

export function createCommitResolver(mirrors: readonly Mirror[]): CommitResolver {
  return {
    async resolve(tenant, changes) {
      const found = await findAll(mirrors, tenant, changes);
      if (found === undefined) return changes;
      return changes.map((change) => ({
        ...change,
        approval: change.approval.map((approval) => {
          const revision = revisionOf(approval);
          if (revision === undefined) return approval;
          const candidates = mirrors.filter(({ entry }) => isFor(entry, tenant, change.object.cluster, revision));
          if (candidates.length === 0) return approval;
          const commits = candidates.flatMap((mirror) => found.get(mirror)?.commits.get(revision.sha) ?? []);
          const commit = commits.find(isApproved) ?? commits[0];
          if (commit === undefined) return { ...approval, commitProblem: problemOf(candidates, found) };
          const isVerified = isApproved(commit) && isByController(change, approval);
          return { ...approval, commit, ...(isVerified ? { state: 'verified' as const } : {}) };
        }),
      }));
    },
    status: (tenant, cluster) =>
      mirrors.filter(({ entry }) => isOf(entry, tenant, cluster)).map((mirror) => mirror.status),
  };
}

/** What each mirror knows of the ids that changes may look up there; undefined: there is nothing to look up. */
async function findAll(
  mirrors: readonly Mirror[],
  tenant: string,
  changes: readonly ApiChange[],
): Promise<ReadonlyMap<Mirror, FoundCommits> | undefined> {
  const wanted = new Map<Mirror, Set<string>>();
  for (const { approval, object } of changes)
    for (const revision of approval.map(revisionOf)) {
      if (revision === undefined) continue;
      for (const mirror of mirrors) {
        if (!isFor(mirror.entry, tenant, object.cluster, revision)) continue;
        const shas = wanted.get(mirror) ?? new Set();
        wanted.set(mirror, shas.add(revision.sha));
      }
    }
  if (wanted.size === 0) return undefined;
  return new Map(
    await Promise.all([...wanted].map(async ([mirror, shas]) => [mirror, await mirror.find([...shas])] as const)),
  );
}

function isOf({ match }: RepositoryEntry, tenant: string, cluster: string): boolean {
  return match.tenant === tenant && (cluster === '' || (match.clusters?.includes(cluster) ?? true));
}

function isFor(entry: RepositoryEntry, tenant: string, cluster: string, { repository }: Revision): boolean {
  if (!isOf(entry, tenant, cluster)) return false;
  const patterns = entry.match.repoURLs ?? (entry.url === undefined ? undefined : [entry.url]);
  if (repository === undefined || patterns === undefined) return true;
  return patterns.some((pattern) =>
    pattern.endsWith('/*')
      ? repository.startsWith(`${normalRepository(pattern.slice(0, -2))}/`)
      : repository === normalRepository(pattern),
  );
}

function isApproved({ isOnBranch, signature }: ApiCommit): boolean {
  return isOnBranch && signature.state === 'valid';
}

/**
 * Anyone who may write an object can write a good commit's id on it: only a GitOps controller's own report, by a request
 * that was seen, ties the change to the commit.
 */
function isByController({ origin, who }: ApiChange, { type, state }: ApiApproval): boolean {
  const isSeen = who.confidence === 'exact' || who.confidence === 'probable';
  return state === 'claimed' && type === 'gitops-revision' && origin.kind === 'gitops' && isSeen;
}

function problemOf(candidates: readonly Mirror[], found: ReadonlyMap<Mirror, FoundCommits>): string {
  return candidates
    .map((mirror) => {
      const { repository } = mirror.status;
      const problem = found.get(mirror)?.problem;
      return problem === undefined ? `${repository} has no such commit` : `${repository} cannot be asked: ${problem}`;
    })
    .join('; ');
}
