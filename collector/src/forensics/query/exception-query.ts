/** Exceptions as they stand: what the loaded policies say of them, and what the timeline says they hold. */
import type { ApiException, ApiFinding } from '@driftline/proto';
import { type Bundle, type ExceptionUse, reportExceptions } from '@driftline/policy';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'held.sql');

type HeldColumns = {
  readonly exception: string;
  readonly cluster: string;
  readonly severity: ApiFinding['severity'];
  readonly findings: number;
};

export type ExceptionQuestion = {
  /** '': any; else only exceptions for it, and what they hold there. */
  readonly cluster: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** What ends before is expiring; undefined: within the usual time. */
  readonly expiringBeforeMs: number | undefined;
};

/** The whole answer: by end, the earliest first. */
export async function queryExceptions(
  timeline: TenantTimeline,
  { controls, exceptions }: Pick<Bundle, 'controls' | 'exceptions'>,
  { cluster, nowMs, expiringBeforeMs }: ExceptionQuestion,
): Promise<readonly ApiException[]> {
  const rows = await timeline.query<HeldColumns>(sql, { cluster });
  const byException = Map.groupBy(rows, ({ exception }) => exception);
  const held = new Map([...byException].map(([id, own]) => [id, sum(own)]));
  const asked = exceptions.filter((exception) => cluster === '' || exception.isAboutCluster(cluster));
  const uses = reportExceptions(
    asked,
    { held, controls: controls.map(({ control }) => control) },
    { nowMs, ...(expiringBeforeMs === undefined ? {} : { expiringWithinMs: expiringBeforeMs - nowMs }) },
  );
  return uses.map((use) => toException(use, byException.get(use.exception.id) ?? []));
}

function toException({ exception, held, ...use }: ExceptionUse, rows: readonly HeldColumns[]): ApiException {
  const { id, owner, approver, reason, ticket, expires, expiresMs, controls, clusters = [] } = exception;
  const of = (severity: ApiFinding['severity']) => sum(rows.filter((row) => row.severity === severity));
  const byCluster = [...Map.groupBy(rows, ({ cluster }) => cluster)];
  return {
    id,
    owner,
    approver,
    reason,
    ticket,
    expires,
    endsAt: toRfc3339(expiresMs * 1_000),
    controls,
    clusters,
    ...use,
    held,
    heldBySeverity: {
      critical: of('critical'),
      high: of('high'),
      medium: of('medium'),
      low: of('low'),
      info: of('info'),
    },
    heldByCluster: Object.fromEntries(byCluster.map(([cluster, own]) => [cluster, sum(own)])),
  };
}

function sum(rows: readonly HeldColumns[]): number {
  return rows.reduce((total, { findings }) => total + findings, 0);
}
