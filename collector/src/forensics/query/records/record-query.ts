/**
 * What was recorded of one cluster, as it was judged: versions with bodies, what could be seen, and transitions; in the
 * order of the record, or the last of each at a moment. From a state and the records after it, the judging can be repeated.
 */
import type { ApiRecord, ApiRejection, ApiTransition, CoverageState, Op } from '@driftline/proto';
import { loadSql, type SqlFile } from '../../../timeline/reader/sql-file.ts';
import { requesterOf } from '../../requester.ts';
import { linkKey, linksOf } from '../link-query.ts';
import { apiObject } from '../object-key.ts';
import { type TenantTimeline, toRfc3339 } from '../timeline-query.ts';
import { judgedKey, verdictsOf } from '../verdict-query.ts';
import { parseBody } from '../version-bodies.ts';

export type RecordType = ApiRecord['type'];

export type RecordQuestion = {
  readonly cluster: string;
  readonly type: RecordType;
  /** After and until, in microseconds; or the last of each at a moment. */
  readonly when: { readonly sinceUs: number; readonly untilUs: number } | { readonly atUs: number };
  /** Versions tell who asked for them, and what was said of that. */
  readonly withRequests?: boolean;
};

/** Where a page ended; its parts are those that the kind of question names (`positionShape`). */
export type RecordPosition = readonly (string | number)[];

export type RecordPage = { readonly items: readonly ApiRecord[]; readonly next: RecordPosition | undefined };

type OrderColumns = {
  readonly epoch: string;
  readonly epochOrdinal: number;
  readonly sequence: number;
  readonly index: number;
  readonly atUs: number;
};

type PlaceColumns = {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

type VersionColumns = OrderColumns &
  PlaceColumns & { readonly resource: string; readonly apiVersion: string; readonly op: Op; readonly body: string };

type CoverageColumns = OrderColumns & {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly state: CoverageState;
  readonly reason: string;
};

type RejectedColumns = OrderColumns & ApiRejection;

type TransitionColumns = OrderColumns & PlaceColumns & Omit<ApiTransition, 'object' | 'at' | 'changeId'>;

type Row = OrderColumns & Readonly<Record<string, unknown>>;

/** A page of one kind of question: its SQL, and the columns that its order goes by, as parameters that begin with `after`. */
type Source = {
  readonly sql: SqlFile;
  /** Columns of the position, with what stands before every row. */
  readonly order: Readonly<Record<string, string | number>>;
};

const own = (name: string): SqlFile => loadSql(import.meta.url, name);
const streamOrder = { epochOrdinal: 0, sequence: 0, index: 0 } as const;

const sources: Readonly<Record<RecordType, { readonly range: Source; readonly moment?: Source }>> = {
  version: {
    range: { sql: own('versions.sql'), order: streamOrder },
    moment: { sql: own('versions-at.sql'), order: { group: '', resource: '', namespace: '', name: '' } },
  },
  coverage: {
    range: { sql: own('coverage.sql'), order: streamOrder },
    moment: { sql: own('coverage-at.sql'), order: { group: '', resource: '' } },
  },
  transition: {
    range: { sql: own('transitions.sql'), order: { afterOwn: 0, ofAgent: 0, ...streamOrder } },
    moment: { sql: own('transitions-at.sql'), order: { findingId: '' } },
  },
  // Nothing stays rejected: of a moment there is no last one.
  rejected: { range: { sql: own('rejected.sql'), order: streamOrder } },
};

/** SQL parameters of a position by column; their names are shorter where that reads better. */
const parameterNames: Readonly<Record<string, string>> = { epochOrdinal: 'afterOrdinal', findingId: 'afterId' };

function sourceOf({ type, when }: RecordQuestion): Source {
  const { range, moment } = sources[type];
  return 'atUs' in when ? (moment ?? range) : range;
}

/** The types of a position's parts, for whoever decodes one. */
export function positionShape(question: RecordQuestion): readonly ('string' | 'number')[] {
  return Object.values(sourceOf(question).order).map((first) => (typeof first === 'number' ? 'number' : 'string'));
}

export async function queryRecords(
  timeline: TenantTimeline,
  question: RecordQuestion,
  page: { readonly limit: number; readonly after: RecordPosition | undefined },
): Promise<RecordPage> {
  const { sql, order } = sourceOf(question);
  const columns = Object.keys(order);
  const after = page.after ?? Object.values(order);
  const parameters = {
    cluster: question.cluster,
    ...question.when,
    ...Object.fromEntries(columns.map((column, index) => [parameterOf(column), after[index]])),
    limit: page.limit + 1,
  };
  const { rows, isCut } = await timeline.weighed<Row>(sql, parameters, {
    of: ({ body }) => (typeof body === 'string' ? body : undefined),
    room: timeline.bodyCharacters,
  });
  const last = isCut || rows.length > page.limit ? rows[Math.min(rows.length, page.limit) - 1] : undefined;
  const shown = rows.slice(0, page.limit);
  return {
    items:
      question.withRequests === true
        ? await versionsWithRequests(timeline, question.cluster, shown as unknown as VersionColumns[])
        : shown.map((row) => recordOf(question, row)),
    next: last === undefined ? undefined : columns.map((column) => positionPart(last[column])),
  };
}

function parameterOf(column: string): string {
  return parameterNames[column] ?? `after${column.slice(0, 1).toUpperCase()}${column.slice(1)}`;
}

function positionPart(value: unknown): string | number {
  return typeof value === 'number' ? value : String(value);
}

function recordOf({ type, cluster }: RecordQuestion, row: Row): ApiRecord {
  switch (type) {
    case 'version':
      return versionRecord(cluster, row as unknown as VersionColumns);
    case 'coverage':
      return coverageRecord(row as unknown as CoverageColumns);
    case 'transition':
      return transitionRecord(cluster, row as unknown as TransitionColumns);
    case 'rejected':
      return rejectedRecord(row as unknown as RejectedColumns);
  }
}

function placeOf({ epoch, epochOrdinal, sequence, index, atUs }: OrderColumns) {
  return { epoch, order: [epochOrdinal, sequence, index], at: toRfc3339(atUs) } as const;
}

function versionRecord(cluster: string, row: VersionColumns): Extract<ApiRecord, { type: 'version' }> {
  const { apiVersion, op } = row;
  const object = apiObject({ ...row, cluster });
  return { type: 'version', ...placeOf(row), object, apiVersion, op, body: parseBody(row.body) ?? null };
}

async function versionsWithRequests(
  timeline: TenantTimeline,
  cluster: string,
  rows: readonly VersionColumns[],
): Promise<readonly ApiRecord[]> {
  const changes = rows.map((row) => ({ ...row, cluster }));
  const [links, verdicts] = await Promise.all([linksOf(timeline, changes), verdictsOf(timeline, changes)]);
  return changes.map((change) => {
    const link = links.get(linkKey(change));
    const asked = link === undefined ? undefined : requesterOf(link);
    const requester = asked === undefined ? null : { username: asked.username, groups: asked.groups ?? null };
    return {
      ...versionRecord(cluster, change),
      request: { requester, verdicts: verdicts.get(judgedKey(change)) ?? [] },
    };
  });
}

function coverageRecord(row: CoverageColumns): ApiRecord {
  const { group, resource, kind, state, reason } = row;
  return { type: 'coverage', ...placeOf(row), group, resource, kind, state, reason };
}

function transitionRecord(cluster: string, row: TransitionColumns): ApiRecord {
  const { findingId, state, control, title, severity, path, value, reason, bundle, cause } = row;
  const object = apiObject({ ...row, cluster });
  const told = { findingId, state, control, title, severity, object, path, value, reason, bundle, cause };
  return { type: 'transition', ...placeOf(row), ...told };
}

function rejectedRecord(row: RejectedColumns): ApiRecord {
  const { source, reason, detail, bytes } = row;
  return { type: 'rejected', ...placeOf(row), source, reason, detail, bytes };
}
