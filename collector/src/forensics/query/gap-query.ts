/** Gaps: what could not be seen. */
import type { ApiGap } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type Int64, type TimelineQuery, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'gaps.sql');
/** Gaps that one answer holds. */
const maxGaps = 1_000;

export type GapColumns = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly from_version: string;
  readonly to_version: string;
  readonly from_us: Int64;
  readonly to_us: Int64;
  readonly cause: string;
  readonly detail: string;
  readonly observed_at_us: Int64;
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
    fromVersion: row.from_version,
    toVersion: row.to_version,
    from: toRfc3339(row.from_us),
    to: toRfc3339(row.to_us),
    cause: row.cause,
    detail: row.detail,
    observedAt: toRfc3339(row.observed_at_us),
  };
}
