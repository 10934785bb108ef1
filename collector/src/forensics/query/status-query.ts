/** Who watches what, how far behind, what is not seen: live sessions beside what the timeline knows. */
import type { ApiAgentStatus, ApiCoverage, ApiStatus, KindName } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { queryGaps, toGap } from './gap-query.ts';
import { type TimelineQuery, toRfc3339 } from './timeline-query.ts';

const sql = {
  agents: loadSql(import.meta.url, 'agents.sql'),
  coverage: loadSql(import.meta.url, 'coverage.sql'),
  judging: loadSql(import.meta.url, 'judging.sql'),
  kinds: loadSql(import.meta.url, 'kinds.sql'),
};

/** What a gateway knows of a connected agent. */
export type ConnectedAgent = {
  readonly tenant: string;
  readonly cluster: string;
  readonly epoch: string;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly lastSequence: number;
  readonly spoolBytes: number;
};

type AgentColumns = {
  readonly cluster: string;
  readonly epoch: string;
  readonly recordedSequence: number;
  readonly recordedAtUs: number;
  readonly newestObservedAtUs: number;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly objects: number;
  readonly gaps: number;
};

type CoverageColumns = Omit<ApiCoverage, 'since'> & { readonly observedAtUs: number };
type JudgingColumns = { readonly unjudged: number; readonly notAssessable: number; readonly rejected: number };

export type StatusScope = { readonly tenant: string; readonly cluster: string };

export async function queryStatus(
  query: TimelineQuery,
  scope: StatusScope,
  connected: readonly ConnectedAgent[],
): Promise<Omit<ApiStatus, 'version' | 'bundle' | 'controls' | 'mode'>> {
  const [agents, coverage, judging, gaps] = await Promise.all([
    query<AgentColumns>(sql.agents, scope),
    query<CoverageColumns>(sql.coverage, scope),
    query<JudgingColumns>(sql.judging, scope),
    queryGaps(query, { ...scope, atUs: 0 }),
  ]);
  const [verdicts] = judging;
  return {
    agents: agentStatus(
      agents,
      connected.filter(
        (agent) => agent.tenant === scope.tenant && (scope.cluster === '' || agent.cluster === scope.cluster),
      ),
    ),
    gaps: gaps.map(toGap),
    coverage: coverage.map(({ observedAtUs, ...row }) => ({ ...row, since: toRfc3339(observedAtUs) })),
    unjudged: verdicts?.unjudged ?? 0,
    notAssessable: verdicts?.notAssessable ?? 0,
    rejected: verdicts?.rejected ?? 0,
  };
}

/** Kinds that a kind's name can mean in this tenant. */
export function queryKinds(query: TimelineQuery, tenant: string): Promise<readonly KindName[]> {
  return query<KindName>(sql.kinds, { tenant });
}

function agentStatus(rows: readonly AgentColumns[], connected: readonly ConnectedAgent[]): readonly ApiAgentStatus[] {
  const recorded = new Map(rows.map((row) => [row.cluster, row]));
  const live = new Map(connected.map((agent) => [agent.cluster, agent]));
  const clusters = [...new Set([...recorded.keys(), ...live.keys()])].sort();
  return clusters.map((cluster) => {
    const row = recorded.get(cluster);
    const agent = live.get(cluster);
    const isSameEpoch = row !== undefined && (agent === undefined || agent.epoch === row.epoch);
    const recordedSequence = isSameEpoch ? row.recordedSequence : 0;
    return {
      cluster,
      connected: agent !== undefined,
      epoch: agent?.epoch ?? row?.epoch ?? '',
      agentVersion: agent?.agentVersion ?? row?.agentVersion ?? '',
      kubernetesVersion: agent?.kubernetesVersion ?? row?.kubernetesVersion ?? '',
      recordedSequence,
      lastSequence: Math.max(agent?.lastSequence ?? 0, recordedSequence),
      lagMs: row === undefined ? null : Math.max(0, Math.round((row.recordedAtUs - row.newestObservedAtUs) / 1000)),
      lastRecordedAt: row === undefined ? null : toRfc3339(row.recordedAtUs),
      spoolBytes: agent?.spoolBytes ?? 0,
      objects: row?.objects ?? 0,
      gaps: row?.gaps ?? 0,
    };
  });
}
