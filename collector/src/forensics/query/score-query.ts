/** Scores at a moment, and how they came to be: points over time. */
import type { ApiScore } from '@driftline/proto';
import { type ControlMeta, percentOf, pointsOf, weightOf } from '@driftline/policy';
import { loadSql, type SqlFile } from '../../timeline/reader/sql-file.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = { scores: loadSql(import.meta.url, 'scores.sql'), points: loadSql(import.meta.url, 'score-points.sql') };

/** What scores are recorded of. */
export const scopeTypes = ['cluster', 'namespace', 'owner', 'category', 'control', 'framework'] as const;
export type ScopeType = (typeof scopeTypes)[number];

export type ScoreFilter = {
  /** '' means any, here and below. */
  readonly cluster: string;
  readonly scope: string;
  readonly types: readonly ScopeType[];
};

type ScoreColumns = Omit<ApiScore, 'at' | 'openBySeverity'> & {
  readonly openBySeverity: Readonly<Record<string, number>>;
  readonly atUs: number;
  readonly sequence: number;
};

/** Where a page ended. */
export type ScorePosition = readonly [cluster: string, isPart: number, scope: string];
export type ScorePointPosition = readonly [cluster: string, scope: string, atUs: number, sequence: number];

export type ScorePage<Position> = { readonly items: readonly ApiScore[]; readonly next: Position | undefined };
type Page<Position> = { readonly limit: number; readonly after: Position | undefined };

export async function queryScores(
  timeline: TenantTimeline,
  { atUs, ...filter }: ScoreFilter & { readonly atUs: number },
  page: Page<ScorePosition>,
): Promise<ScorePage<ScorePosition>> {
  const [afterCluster, afterIsPart, afterScope] = page.after ?? ['', 0, ''];
  const position = { afterCluster, afterIsPart, afterScope };
  return pageOf(page.limit, {
    rows: await timeline.query<ScoreColumns>(sql.scores, { ...filter, atUs, ...position, limit: page.limit + 1 }),
    positionOf: ({ cluster, scope }) => [cluster, scope === 'cluster' ? 0 : 1, scope],
  });
}

/** Oldest first within a scope; each begins with its last point before the time. */
export async function queryScorePoints(
  timeline: TenantTimeline,
  filter: ScoreFilter & { readonly sinceUs: number; readonly untilUs: number },
  page: Page<ScorePointPosition>,
): Promise<ScorePage<ScorePointPosition>> {
  const [afterCluster, afterScope, afterUs, afterSequence] = page.after ?? ['', '', 0, 0];
  const position = { afterCluster, afterScope, afterUs, afterSequence };
  return pageOf(page.limit, {
    rows: await timeline.query<ScoreColumns>(sql.points, { ...filter, ...position, limit: page.limit + 1 }),
    positionOf: ({ cluster, scope, atUs, sequence }) => [cluster, scope, atUs, sequence],
  });
}

/** All clusters together: their points added up. */
export async function queryTenantScore(
  timeline: TenantTimeline,
  filter: { readonly cluster: string; readonly atUs: number },
): Promise<readonly ApiScore[]> {
  const rows = await everything(timeline, sql.scores, { ...filter, scope: '', types: ['cluster'] });
  return rows.length === 0 ? [] : [added('tenant', rows)];
}

/** A point of the tenant for each of a cluster, oldest first. */
export async function queryTenantPoints(
  timeline: TenantTimeline,
  filter: { readonly cluster: string; readonly sinceUs: number; readonly untilUs: number },
): Promise<readonly ApiScore[]> {
  const rows = await everything(timeline, sql.points, { ...filter, scope: '', types: ['cluster'] });
  const last = new Map<string, ScoreColumns>();
  const ordered = rows.toSorted((a, b) => a.atUs - b.atUs);
  const before = ordered.findLastIndex(({ atUs }) => atUs < filter.sinceUs);
  return ordered.flatMap((row, index) => {
    last.set(row.cluster, row);
    // What the clusters began the time with is one point.
    return index < before ? [] : [added('tenant', [...last.values()])];
  });
}

export type Requirements = {
  readonly framework: string;
  readonly requirements: readonly string[];
  readonly controls: readonly ControlMeta[];
};

/** Per cluster and requirement: the points of the controls that map to it by the policies in force now. */
export async function queryRequirementScores(
  timeline: TenantTimeline,
  { framework, requirements, controls }: Requirements,
  filter: { readonly cluster: string; readonly atUs: number },
): Promise<readonly ApiScore[]> {
  const rows = await everything(timeline, sql.scores, { ...filter, scope: '', types: ['control'] });
  const mapping = (requirement: string): ReadonlySet<string> =>
    new Set(
      controls
        .filter(({ frameworks }) =>
          frameworks.some((each) => each.framework === framework && each.requirements.includes(requirement)),
        )
        .map(({ id }) => `control:${id}`),
    );
  const byCluster = [...Map.groupBy(rows, ({ cluster }) => cluster)];
  return byCluster.flatMap(([cluster, scores]) =>
    requirements.flatMap((requirement) => {
      const mapped = mapping(requirement);
      const counted = scores.filter(({ scope }) => mapped.has(scope));
      if (counted.length === 0) return [];
      return [{ ...added(`requirement:${framework}/${requirement}`, counted), cluster }];
    }),
  );
}

/** More scopes than any tenant has clusters or controls in them. */
const maxRows = 1_000_000;

function everything(
  timeline: TenantTimeline,
  file: SqlFile,
  filter: Readonly<Record<string, unknown>>,
): Promise<readonly ScoreColumns[]> {
  const start = { afterCluster: '', afterIsPart: 0, afterScope: '', afterUs: 0, afterSequence: 0 };
  return timeline.query<ScoreColumns>(file, { ...filter, ...start, limit: maxRows });
}

const sums = ['passing', 'failing', 'excepted', 'notAssessable', 'unjudged'] as const;
const noneOpen = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };

/** One score of several that have nothing in common; its moment is the latest of theirs. */
function added(scope: string, rows: readonly ScoreColumns[]): ApiScore {
  const total = (of: (row: ScoreColumns) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const earned = total((row) => pointsOf(row.earned));
  const possible = total((row) => pointsOf(row.possible));
  const counts = Object.fromEntries(sums.map((name) => [name, total((row) => row[name])]));
  const open = Object.fromEntries(
    Object.keys(noneOpen).map((severity) => [severity, total((row) => row.openBySeverity[severity] ?? 0)]),
  );
  return {
    cluster: '',
    scope,
    score: percentOf(earned, possible),
    earned: weightOf(earned),
    possible: weightOf(possible),
    ...(counts as Pick<ApiScore, (typeof sums)[number]>),
    openBySeverity: { ...noneOpen, ...open },
    at: toRfc3339(rows.reduce((latest, { atUs }) => Math.max(latest, atUs), 0)),
  };
}

function pageOf<Position>(
  limit: number,
  { rows, positionOf }: { rows: readonly ScoreColumns[]; positionOf: (row: ScoreColumns) => Position },
): ScorePage<Position> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    items: kept.map(({ atUs, sequence: _sequence, openBySeverity, ...score }) => ({
      ...score,
      openBySeverity: { ...noneOpen, ...openBySeverity },
      at: toRfc3339(atUs),
    })),
    next: rows.length > limit && last !== undefined ? positionOf(last) : undefined,
  };
}
