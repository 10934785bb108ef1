/** Gaps: what could not be seen. */
import type { ApiGap } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type TimelineQuery, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'gaps.sql');
/** Gaps that one answer holds. */
const maxGaps = 1_000;

export type GapColumns = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly cause: string;
  readonly detail: string;
  readonly observedAtUs: number;
};

/** Newest first; `atUs` 0: all of them, else those that cover the moment. */
export function queryGaps(
  query: TimelineQuery,
  filter: { readonly tenant: string; readonly cluster: string; readonly atUs: number },
): Promise<readonly GapColumns[]> {
  return query<GapColumns>(sql, { ...filter, limit: maxGaps });
}

export function toGap(row: GapColumns): ApiGap {
  return {
    cluster: row.cluster,
    group: row.group,
    resource: row.resource,
    fromVersion: row.fromVersion,
    toVersion: row.toVersion,
    from: toRfc3339(row.fromUs),
    to: toRfc3339(row.toUs),
    cause: row.cause,
    detail: row.detail,
    observedAt: toRfc3339(row.observedAtUs),
  };
}
