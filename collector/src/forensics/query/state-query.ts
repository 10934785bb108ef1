/** Objects as they were at a moment, and whether a gap covers it. */
import { type ApiObjectState, isJsonObject } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { changeId } from './assemble-change.ts';
import { labelsOf, parseBody } from './change-query.ts';
import { type GapColumns, queryGaps } from './gap-query.ts';
import type { ObjectColumns } from './object-key.ts';
import { type TimelineQuery, toRfc3339 } from './timeline-query.ts';
import { matchesSelector, type Selector } from './selector.ts';

const sql = loadSql(import.meta.url, 'states.sql');

export type StateFilter = {
  readonly tenant: string;
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly atUs: number;
  readonly selector: Selector | undefined;
};

type StateColumns = ObjectColumns & {
  readonly kind: string;
  readonly apiVersion: string;
  readonly resourceVersion: string;
  readonly uid: string;
  readonly observedAtUs: number;
  readonly epoch: string;
  readonly sequence: number;
  readonly index: number;
  readonly body: string;
};

export async function queryStates(
  query: TimelineQuery,
  filter: StateFilter,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ readonly items: readonly ApiObjectState[]; readonly nextOffset: number | undefined }> {
  const { selector, ...parameters } = filter;
  const [rows, gaps] = await Promise.all([
    query<StateColumns>(sql, { ...parameters, ...page }),
    queryGaps(query, { tenant: filter.tenant, cluster: filter.cluster, atUs: filter.atUs }),
  ]);
  const states = rows.map((row) => toState(row, gaps));
  const items =
    selector === undefined
      ? states
      : states.filter((state) =>
          matchesSelector(selector, labelsOf(isJsonObject(state.body) ? state.body : undefined)),
        );
  return { items, nextOffset: rows.length < page.limit ? undefined : page.offset + rows.length };
}

function toState(row: StateColumns, gaps: readonly GapColumns[]): ApiObjectState {
  const inGap = gaps.some(
    (gap) =>
      gap.cluster === row.cluster &&
      (gap.resource === '' || (gap.group === row.group && gap.resource === row.resource)),
  );
  return {
    object: {
      cluster: row.cluster,
      group: row.group,
      kind: row.kind,
      resource: row.resource,
      namespace: row.namespace,
      name: row.name,
      uid: row.uid,
    },
    apiVersion: row.apiVersion,
    resourceVersion: row.resourceVersion,
    observedAt: toRfc3339(row.observedAtUs),
    certainty: inGap ? 'gap' : 'certain',
    changeId: changeId(row),
    body: parseBody(row.body) ?? null,
  };
}
