/** Scores that fell, with the findings they fell by. */
import { TupleParam } from '@clickhouse/client';
import type { ApiRegression } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { RegressionRow } from '../../timeline/rows.ts';
import { apiObject } from './object-key.ts';
import type { ScoreFilter } from './score-query.ts';
import { endOfTimeUs, inParameters, type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = {
  regressions: loadSql(import.meta.url, 'regressions.sql'),
  findings: loadSql(import.meta.url, 'regression-findings.sql'),
};

type RegressionColumns = Omit<RegressionRow, 'afterOwn'> & {
  readonly cluster: string;
  readonly epoch: string;
  readonly epochOrdinal: number;
  readonly index: number;
};

type FindingColumns = Omit<ApiRegression['findings'][number], 'id' | 'object'> & {
  readonly cluster: string;
  readonly findingId: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** Where a page ended. */
export type RegressionPosition = readonly [
  atUs: number,
  cluster: string,
  epochOrdinal: number,
  sequence: number,
  index: number,
];

export type RegressionPage = {
  readonly items: readonly ApiRegression[];
  readonly next: RegressionPosition | undefined;
};

const fromTheEnd: RegressionPosition = [endOfTimeUs + 1, '', 0, 0, 0];

/** Newest first. An empty `types` means any. */
export async function queryRegressions(
  timeline: TenantTimeline,
  filter: ScoreFilter & { readonly sinceUs: number; readonly untilUs: number },
  page: { readonly limit: number; readonly after: RegressionPosition | undefined },
): Promise<RegressionPage> {
  const rows = await candidates(timeline, { ...filter, changes: [] }, page.after ?? fromTheEnd, page.limit + 1);
  const kept = rows.slice(0, page.limit);
  const last = kept.at(-1);
  const findings = await findingsOf(timeline, kept);
  return {
    items: kept.map((row) => ({
      ...shortRegression(row),
      cluster: row.cluster,
      causes: row.causes,
      findings: row.findingIds.flatMap((id) => findings.get(keyOf(row.cluster, id)) ?? []),
      changes: row.changeIds,
      bundle: row.bundle,
    })),
    next: rows.length > page.limit && last !== undefined ? positionOf(last) : undefined,
  };
}

export type ShortRegression = Pick<ApiRegression, 'id' | 'scope' | 'from' | 'score' | 'at'>;

/** Regressions that these changes caused, by cluster and change id (JSON of both). */
export async function regressionsByChange(
  timeline: TenantTimeline,
  changes: readonly { readonly cluster: string; readonly id: string }[],
): Promise<ReadonlyMap<string, readonly ShortRegression[]>> {
  const ids = [...new Set(changes.map(({ id }) => id))];
  const filter = { cluster: '', scope: '', types: [], sinceUs: 0, untilUs: endOfTimeUs };
  const parts = inParameters(ids, (id) => id.length + 3);
  const rows = await Promise.all(
    parts.map((part) => candidates(timeline, { ...filter, changes: part }, fromTheEnd, maxOfChanges)),
  );
  const found = rows.flat().flatMap((row) => row.changeIds.map((id) => [keyOf(row.cluster, id), row] as const));
  const byChange = Map.groupBy(found, ([key]) => key);
  return new Map([...byChange].map(([key, pairs]) => [key, pairs.map(([, row]) => shortRegression(row))]));
}

export function keyOf(cluster: string, id: string): string {
  return JSON.stringify([cluster, id]);
}

/** Regressions that one page of changes is shown with. */
const maxOfChanges = 10_000;

function candidates(
  timeline: TenantTimeline,
  filter: ScoreFilter & { readonly sinceUs: number; readonly untilUs: number; readonly changes: readonly string[] },
  before: RegressionPosition,
  limit: number,
): Promise<readonly RegressionColumns[]> {
  const [beforeUs, beforeCluster, beforeOrdinal, beforeSequence, beforeIndex] = before;
  const position = { beforeUs, beforeCluster, beforeOrdinal, beforeSequence, beforeIndex };
  return timeline.query<RegressionColumns>(sql.regressions, { ...filter, ...position, limit });
}

async function findingsOf(
  timeline: TenantTimeline,
  rows: readonly RegressionColumns[],
): Promise<ReadonlyMap<string, ApiRegression['findings'][number]>> {
  const wanted = new Map(
    rows.flatMap(({ cluster, findingIds }) => findingIds.map((id) => [keyOf(cluster, id), [cluster, id]] as const)),
  );
  const parts = inParameters([...wanted.values()], ([cluster, id]) => cluster.length + id.length + 8);
  const found = await Promise.all(
    parts.map((part) =>
      timeline.query<FindingColumns>(sql.findings, { findings: part.map((pair) => new TupleParam([...pair])) }),
    ),
  );
  return new Map(
    found.flat().map((row) => {
      const { findingId: id, control, title, severity, path } = row;
      return [keyOf(row.cluster, id), { id, control, title, severity, object: apiObject(row), path }];
    }),
  );
}

function positionOf(row: RegressionColumns): RegressionPosition {
  return [row.atUs, row.cluster, row.epochOrdinal, row.sequence, row.index];
}

function shortRegression(row: RegressionColumns): ShortRegression {
  return {
    id: `${row.epoch}:${row.sequence}/${row.scope}`,
    scope: row.scope,
    from: { score: row.fromScore, at: toRfc3339(row.fromAtUs) },
    score: row.score,
    at: toRfc3339(row.atUs),
  };
}
