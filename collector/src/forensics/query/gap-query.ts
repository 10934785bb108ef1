/** Gaps: what could not be seen. */
import type { ApiGap } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';

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

export type GapFilter = {
  /** '' means any. */
  readonly cluster: string;
  /** undefined: of any kind. */
  readonly kind: { readonly group: string; readonly resource: string } | undefined;
  /** Those that cover the moment; 0: all. */
  readonly atUs: number;
};

/** Newest first. */
export function queryGaps(timeline: TenantTimeline, filter: GapFilter): Promise<readonly GapColumns[]> {
  const { cluster, kind, atUs } = filter;
  const { group, resource } = kind ?? { group: '', resource: '' };
  return timeline.query<GapColumns>(sql, { cluster, group, resource, atUs, limit: maxGaps });
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
