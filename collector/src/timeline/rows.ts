/**
 * The rows of the timeline: what the pipeline derives from an agent's batches and the store keeps for ever. Every row is
 * a deterministic function of the batches before it. SCHEMA.md describes the tables; column names are these names in
 * snake_case. Times are microseconds since the Unix epoch.
 *
 * What was judged says with `afterOwn` how far the collector's own stream (deadlines, new policies) had come: its
 * sequence, of the own stream's rows their own. Rows of both kinds of streams are in order by it; no clock decides.
 */
import type { CoverageState, GapCause, ManagerEvidence, Op } from '@driftline/proto';
import type { FindingState, Severity } from '@driftline/policy';

/** One agent stream. tenant and cluster come from the credential, never from what the agent says. */
export type StreamId = { readonly tenant: string; readonly cluster: string; readonly epoch: string };

export type VersionRow = {
  readonly sequence: number;
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly op: Op;
  readonly observedAtUs: number;
  /** Bounds of when it happened; equal to observedAtUs at the upper end when nothing better is known. */
  readonly notBeforeUs: number;
  /** Changed field paths as JSON Pointers; empty for first versions. */
  readonly paths: readonly string[];
  /** Canonical JSON; '' when deleted. */
  readonly body: string;
  /** SHA-256 of the body in hex, where applying it has shown it. Not a column: it saves the chain the same work. */
  readonly bodyHash?: string | undefined;
  readonly managers: readonly ManagerEvidence[];
  readonly synthesised: boolean;
};

export type AuditRow = {
  readonly sequence: number;
  readonly digest: string;
  readonly auditId: string;
  readonly stage: string;
  readonly level: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly impersonatedUser: string;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly code: number;
  readonly happenedAtUs: number;
  readonly observedAtUs: number;
  readonly dryRun: boolean;
  readonly event: string;
};

/** What of an audit event matters for its links beside its row. It is read from the event, and not a column. */
export type AuditHints = {
  /** The request's fieldManager parameter; '' when it had none. */
  readonly fieldManager: string;
  readonly receivedAtUs: number;
  /** resourceVersion that the request said it had seen; '' when it said none. */
  readonly requestVersion: string;
};

export type Origin = 'gitops' | 'pipeline' | 'controller' | 'human' | 'unknown';
/** none: the change lost the cause that it had. */
export type LinkConfidence = 'exact' | 'probable' | 'none';

/**
 * An audit event caused a change. Written when the second of the two is seen. When a later event turns out to fit a
 * change better, another link is written: the last recorded link of a change (and object) is the one that counts.
 */
export type LinkRow = {
  /** Sequence of the message that completed the link. */
  readonly sequence: number;
  readonly changeEpoch: string;
  readonly changeSequence: number;
  readonly auditDigest: string;
  readonly confidence: LinkConfidence;
  /** One sentence: what matched. */
  readonly evidence: string;
  readonly origin: Origin;
  readonly user: string;
  readonly groups: readonly string[];
  readonly impersonatedUser: string;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly verb: string;
  readonly happenedAtUs: number;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

export type TransitionRow = {
  readonly sequence: number;
  /** Position among the transitions of that sequence. */
  readonly index: number;
  /** Stable over the life of the finding: digest of tenant, cluster, control, object, uid and path. */
  readonly findingId: string;
  readonly state: FindingState;
  readonly control: string;
  readonly severity: Severity;
  readonly title: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly path: string;
  readonly value: string;
  readonly reason: string;
  readonly bundle: string;
  readonly cause: 'change' | 'bundle' | 'coverage' | 'deadline';
  readonly atUs: number;
  readonly afterOwn: number;
};

export type GapRow = {
  readonly sequence: number;
  readonly group: string;
  readonly resource: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly cause: GapCause;
  readonly detail: string;
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly observedAtUs: number;
};

/**
 * `reason` of a coverage row that says that the kind was listed in the epoch: what is held of it is as of that list, or
 * all but the objects of older epochs, which were asked for.
 */
export const listedReasons = { complete: 'listed completely', open: 'listed; older objects were asked for' } as const;

export type CoverageRow = {
  readonly sequence: number;
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly state: CoverageState;
  readonly reason: string;
  readonly observedAtUs: number;
};

export type RejectedRow = {
  readonly sequence: number;
  readonly source: string;
  readonly reason: string;
  readonly detail: string;
  readonly bytes: number;
  readonly observedAtUs: number;
};

/** A point of a scope's score, written when it changed (SCHEMA.md, Scores). Counts are of pairs of a control and an object. */
export type PostureRow = {
  readonly sequence: number;
  /** cluster | namespace:<name> | owner:<name> | category:<name> | control:<id> | framework:<id> */
  readonly scope: string;
  readonly earned: number;
  readonly possible: number;
  /** 0–100; 100 when nothing could be judged. */
  readonly score: number;
  readonly openBySeverity: Readonly<Record<Severity, number>>;
  readonly passing: number;
  readonly failing: number;
  /** Counted for no score, as the next two. */
  readonly excepted: number;
  readonly notAssessable: number;
  readonly unjudged: number;
  /** Falls are counted from here anew: a regression was told, or objects were seen for the first time. */
  readonly isBaseline: boolean;
  readonly atUs: number;
  readonly afterOwn: number;
};

/** A score fell by as much as counts as an event, within the time that counts. Its point is a row beside it. */
export type RegressionRow = {
  readonly sequence: number;
  readonly scope: string;
  /** What it fell from: the highest point within the time. */
  readonly fromScore: number;
  readonly fromAtUs: number;
  readonly score: number;
  /** Findings of the scope that were opened since and still are. */
  readonly causes: number;
  /** The heaviest of them, most first. */
  readonly findingIds: readonly string[];
  /** `<epoch>:<sequence>` of the changes that opened these or lowered the score; none when a policy or a date did. */
  readonly changeIds: readonly string[];
  readonly bundle: string;
  readonly atUs: number;
  readonly afterOwn: number;
};

/** A control that threw or could not be assessed on an object; current state only matters, history is kept. */
export type UnjudgedRow = {
  readonly sequence: number;
  readonly index: number;
  readonly control: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: 'unjudged' | 'not-assessable' | 'cleared';
  readonly reason: string;
  readonly bundle: string;
  readonly atUs: number;
  readonly afterOwn: number;
};

/** What a control says of a change; '' in `stateBefore`: nothing yet. */
export type ChangeVerdictState = 'pass' | 'fail' | 'excepted' | 'not-assessable' | 'unjudged';

/**
 * A control that judges changes judged this one. Of a control whose answer depends on who asked there is a row with the
 * change itself, whatever it says, and another one whenever what is known of the requester changes the answer: the last
 * recorded row of a verdict counts. Of the others there is a row unless they pass.
 */
export type ChangeVerdictRow = {
  /** Of the message that decided it: the change's own, or the one that made another requester known. */
  readonly sequence: number;
  readonly changeEpoch: string;
  readonly changeSequence: number;
  /** Stable for (change, object, uid, control): a digest with tenant and cluster. */
  readonly verdictId: string;
  readonly control: string;
  readonly severity: Severity;
  readonly title: string;
  readonly state: ChangeVerdictState;
  readonly stateBefore: ChangeVerdictState | '';
  /** Why, in sentences; '' of a pass. */
  readonly reason: string;
  /** Field paths of the violations that have one. */
  readonly paths: readonly string[];
  /** Who is taken to have asked; '' while nobody is known, or where it does not matter. */
  readonly user: string;
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The policies that were in force at the change. */
  readonly bundle: string;
  /** JSON of the control's digest and of what it read of the cluster, where the requester may still matter; else ''. */
  readonly context: string;
  readonly atUs: number;
};

/** Everything one agent batch became. */
export type RecordedBatch = {
  readonly stream: StreamId;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly versions: readonly VersionRow[];
  readonly audits: readonly AuditRow[];
  readonly links: readonly LinkRow[];
  readonly transitions: readonly TransitionRow[];
  readonly unjudged: readonly UnjudgedRow[];
  readonly posture: readonly PostureRow[];
  readonly gaps: readonly GapRow[];
  readonly coverage: readonly CoverageRow[];
  readonly rejected: readonly RejectedRow[];
  readonly changeVerdicts: readonly ChangeVerdictRow[];
  readonly regressions: readonly RegressionRow[];
};
