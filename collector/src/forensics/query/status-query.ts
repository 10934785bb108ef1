/** Who watches what, how far behind, what is not seen: live sessions beside what the timeline knows. */
import type { ApiAgentStatus, ApiAuditing, ApiCoverage, ApiStatus, KindName } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { queryGaps, toGap } from './gap-query.ts';
import { collectorEpoch } from '../../cluster-memory.ts';
import { type RecordedStream, type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = {
  agents: loadSql(import.meta.url, 'agents.sql'),
  auditing: loadSql(import.meta.url, 'auditing.sql'),
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
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly objects: number;
  readonly gaps: number;
};

type CoverageColumns = Omit<ApiCoverage, 'since'> & { readonly observedAtUs: number };
type JudgingColumns = { readonly unjudged: number; readonly notAssessable: number; readonly rejected: number };

export type AgentSight = {
  /** The agents of this tenant that are connected to this collector. */
  readonly connected: readonly ConnectedAgent[];
  /** Agents connect nowhere else: one that is not connected here is away. */
  readonly isComplete: boolean;
};

/** `cluster`: '' means any. */
export async function queryStatus(
  timeline: TenantTimeline,
  cluster: string,
  sight: AgentSight,
): Promise<Omit<ApiStatus, 'version' | 'bundle' | 'controls' | 'mode' | 'policies' | 'gitRepositories'>> {
  const { query, streams } = timeline;
  const [agents, coverage, auditing, judging, gaps] = await Promise.all([
    query<AgentColumns>(sql.agents, { cluster }),
    query<CoverageColumns>(sql.coverage, { cluster }),
    query<ApiAuditing>(sql.auditing, { cluster }),
    query<JudgingColumns>(sql.judging, { cluster }),
    queryGaps(timeline, { cluster, kind: undefined, atUs: 0 }),
  ]);
  const [verdicts] = judging;
  const inScope = (one: { readonly cluster: string }): boolean => cluster === '' || one.cluster === cluster;
  return {
    agents: agentStatus(agents, newestStreams(streams.filter(inScope)), {
      ...sight,
      connected: sight.connected.filter(inScope),
    }),
    gaps: gaps.map(toGap),
    coverage: coverage.map(({ observedAtUs, ...row }) => ({ ...row, since: toRfc3339(observedAtUs) })),
    auditing,
    unjudged: verdicts?.unjudged ?? 0,
    notAssessable: verdicts?.notAssessable ?? 0,
    rejected: verdicts?.rejected ?? 0,
  };
}

/** Kinds that a kind's name can mean in this tenant, to whom may see `cluster` ('': all of them). */
export function queryKinds(timeline: TenantTimeline, cluster: string): Promise<readonly KindName[]> {
  return timeline.query<KindName>(sql.kinds, { cluster });
}

/** The newest epoch of each cluster's agent; the collector's own stream is none. */
function newestStreams(streams: readonly RecordedStream[]): ReadonlyMap<string, RecordedStream> {
  const newest = new Map<string, RecordedStream>();
  for (const stream of streams) {
    const known = newest.get(stream.cluster);
    if (stream.epoch === collectorEpoch || (known?.epochOrdinal ?? 0) > stream.epochOrdinal) continue;
    newest.set(stream.cluster, stream);
  }
  return newest;
}

function agentStatus(
  rows: readonly AgentColumns[],
  recorded: ReadonlyMap<string, RecordedStream>,
  { connected, isComplete }: AgentSight,
): readonly ApiAgentStatus[] {
  const stored = new Map(rows.map((row) => [row.cluster, row]));
  const live = new Map(connected.map((agent) => [agent.cluster, agent]));
  const clusters = [...new Set([...recorded.keys(), ...live.keys()])].sort();
  return clusters.map((cluster) => {
    const row = stored.get(cluster);
    const stream = recorded.get(cluster);
    const agent = live.get(cluster);
    const isSameEpoch = stream !== undefined && (agent === undefined || agent.epoch === stream.epoch);
    const recordedSequence = isSameEpoch ? stream.through : 0;
    return {
      cluster,
      connected: agent === undefined && !isComplete ? null : agent !== undefined,
      epoch: agent?.epoch ?? stream?.epoch ?? '',
      agentVersion: agent?.agentVersion ?? row?.agentVersion ?? '',
      kubernetesVersion: agent?.kubernetesVersion ?? row?.kubernetesVersion ?? '',
      recordedSequence,
      lastSequence: Math.max(agent?.lastSequence ?? 0, recordedSequence),
      lagMs: lagMs(stream),
      lastRecordedAt: stream === undefined ? null : toRfc3339(stream.recordedAtUs),
      spoolBytes: agent?.spoolBytes ?? 0,
      objects: row?.objects ?? 0,
      gaps: row?.gaps ?? 0,
    };
  });
}

function lagMs(stream: RecordedStream | undefined): number | null {
  if (stream === undefined || stream.newestObservedAtUs === 0) return null;
  return Math.max(0, Math.round((stream.recordedAtUs - stream.newestObservedAtUs) / 1000));
}
