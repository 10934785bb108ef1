/** Posture at a moment, per scope. */
import type { ApiScore } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'scores.sql');

type ScoreColumns = {
  readonly cluster: string;
  readonly scope: string;
  readonly score: number;
  readonly earned: number;
  readonly possible: number;
  readonly openBySeverity: Readonly<Record<string, number>>;
  readonly atUs: number;
};

export async function queryScores(
  timeline: TenantTimeline,
  filter: { readonly cluster: string; readonly namespace: string; readonly atUs: number },
): Promise<readonly ApiScore[]> {
  const rows = await timeline.query<ScoreColumns>(sql, filter);
  return rows.map(({ cluster, scope, score, earned, possible, openBySeverity, atUs }) => ({
    cluster,
    scope,
    score,
    earned,
    possible,
    openBySeverity: { critical: 0, high: 0, medium: 0, low: 0, info: 0, ...openBySeverity },
    at: toRfc3339(atUs),
  }));
}
