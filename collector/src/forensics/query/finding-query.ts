/** Findings as they stand: the last transition of each. */
import type { ApiFinding } from '@driftline/proto';
import { type ControlMeta, exceptionNamedIn, type Risk } from '@driftline/policy';
import { compareText } from '../compare-text.ts';
import { apiObject } from './object-key.ts';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { queryLabels } from './label-query.ts';
import { queryRisks, type RiskQuestion } from './risk-query.ts';
import { matchesSelector, type Selector } from './selector.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'findings.sql');

export type FindingFilter = {
  /** '' means any, here and below. */
  readonly cluster: string;
  readonly kind: { readonly group: string; readonly kind: string } | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly control: string;
  /** Only what this exception holds now. */
  readonly exception: string;
  readonly state: 'open' | 'resolved' | 'excepted' | 'all';
  readonly minSeverity: ApiFinding['severity'];
  readonly selector: Selector | undefined;
};

const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export type FindingColumns = {
  readonly cluster: string;
  readonly findingId: string;
  readonly group: string;
  readonly kind: string;
  /** '' where no agent has told of the kind. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly control: string;
  readonly path: string;
  readonly openedAtUs: number;
  /** How often it came back. */
  readonly reopened: number;
  readonly state: string;
  readonly severity: ApiFinding['severity'];
  readonly title: string;
  readonly value: string;
  readonly reason: string;
  readonly bundle: string;
  readonly atUs: number;
  /** 1 info … 5 critical. */
  readonly rank: number;
};

export type FindingObject = Pick<FindingColumns, 'cluster' | 'group' | 'kind' | 'namespace' | 'name'>;

/** Where a page ended: the order of findings is severity, place, control. */
export type FindingPosition = readonly [
  rank: number,
  cluster: string,
  namespace: string,
  kind: string,
  name: string,
  control: string,
  path: string,
  id: string,
];

export type FindingPage = { readonly items: readonly ApiFinding[]; readonly next: FindingPosition | undefined };

/** Before the most severe there is. */
const fromTheStart: FindingPosition = [severities.length + 1, '', '', '', '', '', '', ''];
/** Labels are known only when a candidate is looked at; a page looks at this many at most. */
const maxCandidates = 10_000;
const siftedAtOnce = 1_000;

/** What findings are told with: controls of the loaded bundle, for the remediation and the risk, and the time. */
export type Telling = Pick<RiskQuestion, 'control' | 'nowMs'>;

export async function queryFindings(
  timeline: TenantTimeline,
  telling: Telling,
  filter: FindingFilter,
  page: { readonly limit: number; readonly after: FindingPosition | undefined },
): Promise<FindingPage> {
  const told = async (rows: readonly FindingColumns[]): Promise<readonly ApiFinding[]> => {
    const risks = await queryRisks(timeline, rows, { ...telling, filter });
    return rows.map((row, index) => toFinding(row, telling.control(row.control), risks[index]));
  };
  // One more than the page: whether there is a next one.
  const wanted = filter.selector === undefined ? page.limit + 1 : siftedAtOnce;
  const kept: FindingColumns[] = [];
  let after = page.after ?? fromTheStart;
  for (let seen = 0; seen < maxCandidates && kept.length < page.limit; seen += wanted) {
    const rows = await timeline.query<FindingColumns>(sql, parametersOf(filter, after, wanted));
    const passed = await sift(timeline, filter.selector, rows);
    const room = page.limit - kept.length;
    kept.push(...passed.slice(0, room));
    const last = passed.length >= room ? passed[room - 1] : rows.at(-1);
    if (last !== undefined) after = positionOf(last);
    if (passed.length <= room && rows.length < wanted) return { items: await told(kept), next: undefined };
  }
  return { items: await told(kept), next: after };
}

/** Where a page in the order of risk ended. */
export type RankedPosition = readonly [exact: number, cluster: string, id: string];

/** So many findings are compared at most. */
export const maxRankedFindings = 10_000;

/** Riskiest first; undefined: more than `maxRankedFindings` would have to be compared. */
export async function queryRankedFindings(
  timeline: TenantTimeline,
  telling: Telling,
  filter: FindingFilter,
  page: { readonly limit: number; readonly after: RankedPosition | undefined },
): Promise<{ readonly items: readonly ApiFinding[]; readonly next: RankedPosition | undefined } | undefined> {
  const found = await timeline.query<FindingColumns>(sql, parametersOf(filter, fromTheStart, maxRankedFindings + 1));
  if (found.length > maxRankedFindings) return undefined;
  const rows = await sift(timeline, filter.selector, found);
  const risks = await queryRisks(timeline, rows, { ...telling, filter });
  const ranked = rows
    .map((row, index): Ranked => ({ row, risk: risks[index] }))
    .toSorted((a, b) => comparePositions(rankOf(a), rankOf(b)));
  const { after } = page;
  const left = after === undefined ? ranked : ranked.filter((each) => comparePositions(rankOf(each), after) > 0);
  const kept = left.slice(0, page.limit);
  const last = kept.at(-1);
  return {
    items: kept.map(({ row, risk }) => toFinding(row, telling.control(row.control), risk)),
    next: left.length > page.limit && last !== undefined ? rankOf(last) : undefined,
  };
}

type Ranked = { readonly row: FindingColumns; readonly risk: Risk | undefined };

function rankOf({ row, risk }: Ranked): RankedPosition {
  return [risk?.exact ?? 0, row.cluster, row.findingId];
}

function comparePositions(a: RankedPosition, b: RankedPosition): number {
  const [cluster, id] = [compareText(a[1], b[1]), compareText(a[2], b[2])];
  return b[0] - a[0] || cluster || id;
}

function parametersOf(filter: FindingFilter, after: FindingPosition, limit: number) {
  const { kind, minSeverity, selector: _selector, ...rest } = filter;
  const [rank, afterCluster, afterNamespace, afterKind, afterName, afterControl, afterPath, afterId] = after;
  return {
    ...rest,
    group: kind?.group ?? '',
    kind: kind?.kind ?? '',
    minRank: severities.indexOf(minSeverity) + 1,
    afterRank: -rank,
    afterCluster,
    afterNamespace,
    afterKind,
    afterName,
    afterControl,
    afterPath,
    afterId,
    limit,
  };
}

function positionOf(row: FindingColumns): FindingPosition {
  return [row.rank, row.cluster, row.namespace, row.kind, row.name, row.control, row.path, row.findingId];
}

async function sift(
  timeline: TenantTimeline,
  selector: Selector | undefined,
  rows: readonly FindingColumns[],
): Promise<readonly FindingColumns[]> {
  if (selector === undefined) return rows;
  const labels = await queryLabels(timeline, rows);
  return rows.filter((_, index) => matchesSelector(selector, labels[index] ?? {}));
}

function toFinding(row: FindingColumns, control: ControlMeta | undefined, risk: Risk | undefined): ApiFinding {
  return {
    id: row.findingId,
    state: row.state === 'resolved' || row.state === 'excepted' ? row.state : 'open',
    exception: row.state === 'excepted' ? exceptionNamedIn(row.reason) : null,
    control: row.control,
    title: row.title,
    severity: row.severity,
    object: apiObject(row),
    path: row.path,
    value: row.value,
    reason: row.reason,
    bundle: row.bundle,
    openedAt: toRfc3339(row.openedAtUs),
    changedAt: toRfc3339(row.atUs),
    remediation: control === undefined ? null : control.remediation,
    risk: risk === undefined ? null : { score: risk.score, points: risk.points, factors: risk.factors },
  };
}
