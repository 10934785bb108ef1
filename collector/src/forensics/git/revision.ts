/** Which commit a piece of evidence names. Pure; evidence is untrusted text. */
import type { ApiApproval } from '@driftline/proto';

export type Revision = {
  /** Full, lower case: 40 or 64 hex digits. */
  readonly sha: string;
  /** As normalRepository gives it; undefined: the evidence does not say. */
  readonly repository: string | undefined;
};

/** A bare id, or Flux's `<branch>@sha1:<id>` and, before version 2, `<branch>/<id>`. */
const controllerRevision = /^(?:.*(?:@sha1:|@sha256:|\/))?([0-9a-f]{40}|[0-9a-f]{64})$/;
/** 64 digits in free text are image digests. */
const namedInText = /(?<![0-9a-zA-Z:])[0-9a-f]{40}(?![0-9a-zA-Z])/;
/** The page of a commit at a forge: `https://forge/group/project[/-]/commit[s]/<id>`. */
const commitPage = /^(https?:\/\/[^\s?#]+?)(?:\/-)?\/commits?\/([0-9a-f]{40})$/;

/** undefined: no commit is named by its full id. */
export function revisionOf(approval: Pick<ApiApproval, 'type' | 'value' | 'repository'>): Revision | undefined {
  const repository = approval.repository === undefined ? undefined : normalRepository(approval.repository);
  switch (approval.type) {
    case 'gitops-revision': {
      const sha = controllerRevision.exec(approval.value)?.[1];
      return sha === undefined ? undefined : { sha, repository };
    }
    case 'change-reference':
    case 'change-cause': {
      const page = commitPage.exec(approval.value);
      if (page?.[1] !== undefined && page[2] !== undefined)
        return { sha: page[2], repository: normalRepository(page[1]) };
      const sha = namedInText.exec(approval.value)?.[0];
      return sha === undefined ? undefined : { sha, repository };
    }
    case 'gitops-application':
    case 'helm-release':
      return undefined;
  }
}

/** `host/path` for every way to write one repository's address: scheme, user, port and `.git` do not tell them apart. */
export function normalRepository(address: string): string {
  const text = address.trim().replace(/\/{1,9}$/, '');
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/.exec(text);
  const parts = scp ?? /^[a-z+]+:\/\/(?:[^@/]*@)?([^:/]+)(?::\d+)?\/(.*)$/i.exec(text);
  const [, host, path] = parts ?? [];
  const plain = host === undefined || path === undefined ? text : `${host.toLowerCase()}/${path}`;
  return plain.replace(/\.git$/, '').replace(/\/{1,9}$/, '');
}
