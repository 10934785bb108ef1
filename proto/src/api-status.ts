/** What the API says about the watching itself: agents, gaps, coverage, policies. See api.ts for what all shapes share. */
import type { ApiGitRepository } from './api.ts';

export type ApiGap = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly detail: string;
  readonly observedAt: string;
};

export type ApiAgentStatus = {
  readonly cluster: string;
  /** null: not to this collector, which in a fleet does not see the connections to the others. */
  readonly connected: boolean | null;
  readonly epoch: string;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly recordedSequence: number;
  readonly lastSequence: number;
  /** Milliseconds between the newest observation and its record; null when nothing was recorded yet. */
  readonly lagMs: number | null;
  readonly lastRecordedAt: string | null;
  readonly spoolBytes: number;
  readonly objects: number;
  readonly gaps: number;
};

export type ApiCoverage = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly state: 'listing' | 'watched' | 'forbidden' | 'excluded' | 'failing' | 'gone';
  readonly reason: string;
  readonly since: string;
};

/** How far audit events explain the changes of a cluster's last day. */
export type ApiAuditing = {
  readonly cluster: string;
  readonly changes: number;
  /** Changes that no audit event explains. */
  readonly unexplained: number;
  readonly events: number;
  /** Audit-IDs that came with more than one content: clients can choose them, and each content is kept. */
  readonly ambiguousIds: number;
};

/** Policies of this collector's folders, and why those that are there now are not in force. */
export type ApiPolicies = {
  readonly loadedAt: string;
  /** null: the files that are there are in force. */
  readonly refused: {
    readonly since: string;
    readonly problems: readonly {
      readonly file: string;
      readonly line: number;
      readonly column: number;
      readonly reason: string;
    }[];
  } | null;
};

export type ApiStatus = {
  readonly version: string;
  readonly bundle: string;
  readonly controls: number;
  readonly mode: 'embedded' | 'fleet';
  readonly policies: ApiPolicies;
  readonly agents: readonly ApiAgentStatus[];
  readonly gaps: readonly ApiGap[];
  readonly coverage: readonly ApiCoverage[];
  readonly auditing: readonly ApiAuditing[];
  readonly gitRepositories: readonly ApiGitRepository[];
  readonly unjudged: number;
  readonly notAssessable: number;
  readonly rejected: number;
};
