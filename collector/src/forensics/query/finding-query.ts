/** Findings as they stand: the last transition of each. */
import type { ApiFinding } from '@driftline/proto';
import type { ControlMeta } from '@driftline/policy';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type TimelineQuery, toRfc3339 } from './timeline-query.ts';
import { matchesSelector, type Selector } from './selector.ts';

const sql = loadSql(import.meta.url, 'findings.sql');

export type FindingFilter = {
  readonly tenant: string;
  readonly cluster: string;
  readonly kind: { readonly group: string; readonly kind: string } | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly control: string;
  readonly state: 'open' | 'resolved' | 'excepted' | 'all';
  readonly minSeverity: ApiFinding['severity'];
  readonly selector: Selector | undefined;
};

const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

type FindingColumns = {
  readonly cluster: string;
  readonly findingId: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly control: string;
  readonly path: string;
  readonly openedAtUs: number;
  readonly state: string;
  readonly severity: ApiFinding['severity'];
  readonly title: string;
  readonly value: string;
  readonly reason: string;
  readonly bundle: string;
  readonly changedAtUs: number;
};

export type FindingObject = Pick<FindingColumns, 'cluster' | 'group' | 'kind' | 'namespace' | 'name'>;

export type FindingPorts = {
  readonly query: TimelineQuery;
  /** The control of the loaded bundle, for the remediation. */
  readonly control: (id: string) => ControlMeta | undefined;
  /** Current labels of objects, in the order asked. */
  readonly labels: (
    tenant: string,
    objects: readonly FindingObject[],
  ) => Promise<readonly Readonly<Record<string, string>>[]>;
};

export async function queryFindings(
  ports: FindingPorts,
  filter: FindingFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ readonly items: readonly ApiFinding[]; readonly nextOffset: number | undefined }> {
  const { kind, selector, minSeverity, ...rest } = filter;
  const rows = await ports.query<FindingColumns>(sql, {
    ...rest,
    group: kind?.group ?? '',
    kind: kind?.kind ?? '',
    minSeverity: severities.indexOf(minSeverity) + 1,
    limit: page.limit,
    offset: page.offset,
  });
  const labels = selector === undefined ? [] : await ports.labels(filter.tenant, rows);
  const kept =
    selector === undefined ? rows : rows.filter((_, index) => matchesSelector(selector, labels[index] ?? {}));
  return {
    items: kept.map((row) => toFinding(row, ports.control(row.control))),
    nextOffset: rows.length < page.limit ? undefined : page.offset + rows.length,
  };
}

function toFinding(row: FindingColumns, control: ControlMeta | undefined): ApiFinding {
  return {
    id: row.findingId,
    state: row.state === 'resolved' || row.state === 'excepted' ? row.state : 'open',
    control: row.control,
    title: row.title,
    severity: row.severity,
    object: {
      cluster: row.cluster,
      group: row.group,
      kind: row.kind,
      resource: '',
      namespace: row.namespace,
      name: row.name,
      uid: row.uid,
    },
    path: row.path,
    value: row.value,
    reason: row.reason,
    bundle: row.bundle,
    openedAt: toRfc3339(row.openedAtUs),
    changedAt: toRfc3339(row.changedAtUs),
    remediation: control === undefined ? null : control.remediation,
  };
}
