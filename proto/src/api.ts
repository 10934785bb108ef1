/**
 * The JSON shapes of the public HTTP API (`/api/v1`), shared by the collector that serves them and the CLI and console
 * that read them. Times are RFC 3339 with microseconds, UTC. Lists come as {items, next}: `next` is the opaque cursor
 * of the following page, or null. Errors are {error: {code, message}} with the matching HTTP status.
 */
import type { ApiCoverage, ApiGap } from './api-status.ts';
import type { Json } from './message.ts';

export type ApiPage<T> = { readonly items: readonly T[]; readonly next: string | null };
export type ApiError = { readonly error: { readonly code: string; readonly message: string } };

export type ApiObject = {
  readonly cluster: string;
  readonly group: string;
  readonly kind: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** exact: the audit event names this very version. probable: matched by object, verb, agent and time. */
export type ApiConfidence = 'exact' | 'probable' | 'manager-only' | 'none';
export type ApiOrigin = 'gitops' | 'pipeline' | 'controller' | 'human' | 'unknown';

export type ApiWho = {
  /** Audit user name; '' when there is no audit event. */
  readonly user: string;
  readonly groups: readonly string[];
  /** The user acted as this one; '' when not. */
  readonly impersonatedUser: string;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly verb: string;
  /** Field managers of the changed paths, most paths first. */
  readonly managers: readonly string[];
  readonly confidence: ApiConfidence;
  /** One sentence. */
  readonly evidence: string;
};

export type ApiFieldChange = {
  /** `spec.template.spec.containers[name=web].image` */
  readonly path: string;
  /** Absent when the field was not there. */
  readonly before?: Json;
  readonly after?: Json;
};

export type ApiApproval = {
  readonly type: 'gitops-revision' | 'gitops-application' | 'helm-release' | 'change-cause' | 'change-reference';
  readonly value: string;
  /**
   * claimed: this change brought it, or its author keeps it; not checked against its source. verified: claimed by a
   * GitOps controller whose request was audited, and the commit is on the tracked branch with a valid signature of an
   * allowed signer. earlier: it was on the object before and speaks of an earlier change. object: it came with this
   * change, but speaks of the object only (who manages it, or what was copied from its owner). Only `claimed` and
   * `verified` are about the change.
   */
  readonly state: 'claimed' | 'verified' | 'earlier' | 'object';
  /** Where it was read. */
  readonly path: string;
  /** Address of the repository that the evidence names; absent: it names none. */
  readonly repository?: string;
  /** The commit that the evidence names; absent: it names none in full, or none of a configured repository. */
  readonly commit?: ApiCommit;
  /** One sentence: why a named commit is absent, where a repository is configured for it. */
  readonly commitProblem?: string;
};

export type ApiCommitPerson = { readonly name: string; readonly email: string };

/** What the Git repository says of a commit. All texts but the signature's were chosen by whoever wrote the commit. */
export type ApiCommit = {
  readonly repository: string;
  /** Full, hexadecimal. */
  readonly sha: string;
  readonly subject: string;
  readonly author: ApiCommitPerson;
  readonly authoredAt: string | null;
  readonly committer: ApiCommitPerson;
  readonly committedAt: string | null;
  /** Merge or pull request, from the subject or message that forges write; `#12`, or `!12` at GitLab. */
  readonly pullRequest: { readonly number: number; readonly reference: string } | null;
  readonly trailers: readonly {
    readonly type: 'reviewed-by' | 'approved-by' | 'signed-off-by';
    readonly value: string;
  }[];
  /** The tracked branch, and whether the commit is in its history as last fetched. */
  readonly branch: string;
  readonly isOnBranch: boolean;
  readonly signature: {
    /**
     * valid: by an allowed signer. unknown-signer: the signature fits, or cannot be checked, and its key is not an
     * allowed one. unchecked: signed, but no signers are configured, or the check failed to run.
     */
    readonly state: 'none' | 'valid' | 'unknown-signer' | 'expired' | 'revoked' | 'bad' | 'unchecked';
    /** Principal of the allowed signers, or user id of the key; '' when not valid. */
    readonly signer: string;
    /** Fingerprint of the key; '' when unknown. */
    readonly key: string;
  };
};

/** A configured Git repository, as this collector has it. */
export type ApiGitRepository = {
  readonly repository: string;
  readonly branch: string;
  /** waiting: not fetched yet. failing: the last fetch failed; what was fetched before is still answered from. */
  readonly state: 'ready' | 'waiting' | 'failing';
  /** Commit of the tracked branch; '' when there is none. */
  readonly head: string;
  readonly fetchedAt: string | null;
  /** One sentence; '' when there is none. */
  readonly problem: string;
};

export type ApiTransition = {
  readonly findingId: string;
  readonly state: 'opened' | 'updated' | 'resolved' | 'reopened' | 'excepted';
  readonly control: string;
  readonly title: string;
  readonly severity: 'critical' | 'high' | 'medium' | 'low' | 'info';
  readonly object: ApiObject;
  readonly path: string;
  readonly value: string;
  readonly reason: string;
  readonly bundle: string;
  readonly cause: string;
  readonly at: string;
  /** The change that caused it, or null for bundle, coverage and deadline causes. */
  readonly changeId: string | null;
};

export type ApiChange = {
  /** `<epoch>:<sequence>`: stable for ever. */
  readonly id: string;
  readonly object: ApiObject;
  readonly apiVersion: string;
  readonly resourceVersion: string;
  readonly op: 'snapshot' | 'created' | 'modified' | 'deleted';
  readonly observedAt: string;
  /** When it happened, as far as the evidence says. `source`: audit | managed-fields | watch. */
  readonly happened: { readonly notBefore: string | null; readonly notAfter: string; readonly source: string };
  readonly fields: readonly ApiFieldChange[];
  readonly who: ApiWho;
  readonly origin: { readonly kind: ApiOrigin; readonly evidence: string };
  /** Empty: none found. */
  readonly approval: readonly ApiApproval[];
  readonly findings: readonly ApiTransition[];
  /** What controls about changes say of it, apart from findings; those that it passes are not listed. */
  readonly verdicts: readonly ApiChangeVerdict[];
  /** Scores that fell, among others by this change. */
  readonly regressions: readonly Pick<ApiRegression, 'id' | 'scope' | 'from' | 'score' | 'at'>[];
  readonly synthesised: boolean;
};

export type ApiChangeVerdict = {
  /** Stable for ever. */
  readonly id: string;
  readonly control: string;
  readonly title: string;
  readonly severity: ApiTransition['severity'];
  /** unjudged: mostly because nobody knows who asked; an audit event may still tell. */
  readonly state: 'fail' | 'excepted' | 'not-assessable' | 'unjudged';
  readonly reason: string;
  /** Fields that violate it, where the policy names them. */
  readonly paths: readonly string[];
  /** Who is taken to have asked; '' while nobody is known, or where it does not matter. */
  readonly user: string;
  /** The policies that were in force at the change. */
  readonly bundle: string;
  readonly at: string;
};

export type ApiFinding = {
  readonly id: string;
  readonly state: 'open' | 'resolved' | 'excepted';
  /** Id of the exception that holds it now; null: none does. */
  readonly exception: string | null;
  readonly control: string;
  readonly title: string;
  readonly severity: ApiTransition['severity'];
  readonly object: ApiObject;
  readonly path: string;
  readonly value: string;
  readonly reason: string;
  readonly bundle: string;
  readonly openedAt: string;
  readonly changedAt: string;
  readonly remediation: {
    readonly summary: string;
    readonly fields: readonly string[];
    readonly impact: string;
  } | null;
  /** As things stand now; null: it is not told. */
  readonly risk: ApiRisk | null;
};

export type ApiRisk = {
  /** 0–100: points times all percents, at most 100. */
  readonly score: number;
  /** What the severity alone is worth. */
  readonly points: number;
  readonly factors: readonly {
    readonly name: 'exploitability' | 'exposure' | 'privilege' | 'criticality' | 'age' | 'recurrence';
    readonly value: string;
    /** 100 changes nothing. */
    readonly percent: number;
    /** What it was read from; '' where nothing says anything. */
    readonly evidence: string;
  }[];
};

/** A waiver of findings, and what it does now. */
export type ApiException = {
  readonly id: string;
  readonly state: 'active' | 'expiring' | 'expired';
  readonly owner: string;
  readonly approver: string;
  readonly reason: string;
  /** '' when there is none. */
  readonly ticket: string;
  /** As written: a date ends with that day in UTC. */
  readonly expires: string;
  /** The first moment at which it does not hold. */
  readonly endsAt: string;
  /** Ids, or beginnings and an asterisk; so are clusters, none meaning any. */
  readonly controls: readonly string[];
  readonly clusters: readonly string[];
  /** Findings that it holds now: so many are open again when it ends. */
  readonly held: number;
  readonly heldBySeverity: Readonly<Record<ApiTransition['severity'], number>>;
  readonly heldByCluster: Readonly<Record<string, number>>;
  /** It holds nothing, though it could. */
  readonly isUnused: boolean;
  /** Why it covers more than one would expect; '' when it does not. */
  readonly overBroad: string;
};

export type ApiObjectState = {
  readonly object: ApiObject;
  readonly apiVersion: string;
  readonly resourceVersion: string;
  readonly observedAt: string;
  /**
   * certain: the kind was watched and no gap covers the moment. gap: a gap record covers it, or the kind was not
   * watched, or the agent is away and nothing after its last message is known.
   */
  readonly certainty: 'certain' | 'gap';
  readonly changeId: string;
  readonly body: Json;
};

/** Objects at a moment; `gaps` are those that cover it: what the items may lack. */
export type ApiObjects = ApiPage<ApiObjectState> & { readonly gaps: readonly ApiGap[] };

/** Input that the collector could not read and left out. The input itself is not kept: it may hold anything. */
export type ApiRejection = {
  /** What kind of input: `delta`, `audit` … */
  readonly source: string;
  /** A closed code. */
  readonly reason: string;
  readonly detail: string;
  readonly bytes: number;
};

/** What the timeline holds of a cluster, as it was judged. `order` is that of its streams: epoch, sequence, index. */
/** A version as the change that somebody asked for. */
export type ApiRecordedRequest = {
  /** Who counts for policies; null: nobody is known. */
  readonly requester: {
    readonly username: string;
    /** null: not told. */
    readonly groups: readonly string[] | null;
  } | null;
  /** As of a change. */
  readonly verdicts: readonly ApiChangeVerdict[];
};

export type ApiRecord = {
  readonly epoch: string;
  readonly order: readonly [epochOrdinal: number, sequence: number, index: number];
  readonly at: string;
} & (
  | {
      readonly type: 'version';
      readonly object: ApiObject;
      readonly apiVersion: string;
      readonly op: ApiChange['op'];
      /** null: it was gone. */
      readonly body: Json;
      /** Where it was asked for. */
      readonly request?: ApiRecordedRequest;
    }
  | ({ readonly type: 'coverage' } & Pick<ApiCoverage, 'group' | 'resource' | 'kind' | 'state' | 'reason'>)
  | ({ readonly type: 'transition' } & Omit<ApiTransition, 'at' | 'changeId'>)
  | ({ readonly type: 'rejected' } & ApiRejection)
);

export type ApiScore = {
  readonly cluster: string;
  /**
   * cluster | namespace:<name> | owner:<name> | category:<name> | control:<id> | framework:<id>; added up:
   * requirement:<framework>/<id>, and `tenant`, whose cluster is ''.
   */
  readonly scope: string;
  /** 0–100, earned of possible; 100 when nothing could fail. */
  readonly score: number;
  readonly earned: number;
  readonly possible: number;
  /** Pairs of a control and an object; those that pass or fail make the score. */
  readonly passing: number;
  readonly failing: number;
  readonly excepted: number;
  readonly notAssessable: number;
  readonly unjudged: number;
  readonly openBySeverity: Readonly<Record<ApiTransition['severity'], number>>;
  readonly at: string;
};

/** A score that fell by as much as counts as an event, and what it was due to. */
export type ApiRegression = {
  /** Stable for ever. */
  readonly id: string;
  readonly cluster: string;
  readonly scope: string;
  /** What it fell from. */
  readonly from: { readonly score: number; readonly at: string };
  readonly score: number;
  readonly at: string;
  /** Findings of the scope that were opened meanwhile. */
  readonly causes: number;
  /** The heaviest of them. */
  readonly findings: readonly {
    readonly id: string;
    readonly control: string;
    readonly title: string;
    readonly severity: ApiTransition['severity'];
    readonly object: ApiObject;
    readonly path: string;
  }[];
  /** Ids of the changes that did it; none when policies or a date did. */
  readonly changes: readonly string[];
  readonly bundle: string;
};

/** Each of the verbs on each of the resources, which are named as kubectl does: `pods/exec`, `deployments.apps`, `*`; or URLs. */
export type ApiGrantUnits = { readonly verbs: readonly string[]; readonly resources: readonly string[] };

/** What one binding gives to one subject, and what the audit timeline says of its use. */
export type ApiGrant = {
  readonly cluster: string;
  readonly subject: {
    readonly kind: 'User' | 'Group' | 'ServiceAccount';
    readonly namespace: string;
    readonly name: string;
  };
  readonly binding: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly role: { readonly kind: string; readonly name: string };
  /** Where it holds; '': everywhere. */
  readonly namespace: string;
  /** The role's, as they are. */
  readonly rules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames: readonly string[];
    readonly nonResourceURLs: readonly string[];
  }[];
  readonly boundAt: string | null;
  /** Of a binding that the API server itself keeps. */
  readonly isBuiltIn: boolean;
  /**
   * used: every verb on every resource, as far as the audit log would show it. partly-used: some. unused: none of those.
   * not-observable: nothing was seen, and nothing would be: the log leaves such requests out.
   */
  readonly use: 'used' | 'partly-used' | 'unused' | 'not-observable';
  readonly lastUsedAt: string | null;
  /** Requests that it allowed, the latest first; perhaps another grant allowed them as well. */
  readonly uses: readonly {
    readonly verb: string;
    readonly resource: string;
    readonly requests: number;
    readonly lastUsedAt: string;
  }[];
  /** `*` among the verbs of a rule stands for the verbs that requests have. */
  readonly used: readonly ApiGrantUnits[];
  readonly unused: readonly ApiGrantUnits[];
  readonly notObservable: readonly ApiGrantUnits[];
};

/** `audited`: since when each cluster's audit log is known within the time asked for (null: not at all), and how often it lost events. */
export type ApiGrants = ApiPage<ApiGrant> & {
  readonly audited: readonly { readonly cluster: string; readonly since: string | null; readonly drops: number }[];
};
