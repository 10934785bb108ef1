/**
 * Changes with everything that is known of them: field diffs, who, origin, approval evidence, findings. Candidates are
 * found on narrow columns; bodies are fetched for the page only, each with the version before it.
 */
import type { ApiChange, Json, JsonObject } from '@driftline/proto';
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { assembleChange, type ChangeRow, type LinkColumns, type TransitionColumns } from './assemble-change.ts';
import { objectKey, objectsParameter, type VersionColumns, versionKey } from './object-key.ts';
import { endOfTimeUs, type TimelineQuery } from './timeline-query.ts';
import { matchesSelector, type Selector } from './selector.ts';

const sql = {
  changes: loadSql(import.meta.url, 'changes.sql'),
  positions: loadSql(import.meta.url, 'positions.sql'),
  bodies: loadSql(import.meta.url, 'bodies.sql'),
  links: loadSql(import.meta.url, 'links.sql'),
  transitions: loadSql(import.meta.url, 'transitions.sql'),
};

export type ChangeFilter = {
  readonly tenant: string;
  /** '' means any, here and below. */
  readonly cluster: string;
  readonly kind: { readonly group: string; readonly resource: string } | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly sinceUs: number;
  readonly untilUs: number;
  readonly user: string;
  readonly origin: string;
  readonly selector: Selector | undefined;
  readonly snapshots: boolean;
};

/** Where a page ended: the position of its last candidate. */
export type ChangePosition = readonly [
  observedAtUs: number,
  cluster: string,
  epochOrdinal: number,
  sequence: number,
  index: number,
];

export type ChangePage = { readonly items: readonly ApiChange[]; readonly next: ChangePosition | undefined };

const fromTheEnd: ChangePosition = [endOfTimeUs + 1, '', 0, 0, 0];
/** Origin and labels are known only after a candidate is assembled; one page looks at this many candidates at most. */
const maxCandidates = 5_000;

export async function queryChanges(
  query: TimelineQuery,
  filter: ChangeFilter,
  page: { readonly limit: number; readonly after: ChangePosition | undefined },
): Promise<ChangePage> {
  const items: ApiChange[] = [];
  const isSifted = filter.origin !== '' || filter.selector !== undefined;
  let after = page.after ?? fromTheEnd;
  for (let seen = 0; seen < maxCandidates; ) {
    const wanted = isSifted ? Math.min(500, Math.max(100, page.limit * 2)) : page.limit;
    const candidates = await query<ChangeRow>(sql.changes, candidateParameters(filter, after, wanted));
    seen += candidates.length;
    const assembled = await assemble(query, filter.tenant, candidates);
    for (const [position, { change, labels }] of assembled.entries()) {
      after = positionOf(candidates[position]);
      if (filter.origin !== '' && change.origin.kind !== filter.origin) continue;
      if (filter.selector !== undefined && !matchesSelector(filter.selector, labels)) continue;
      items.push(change);
      if (items.length === page.limit) {
        const isLast = position === assembled.length - 1 && candidates.length < wanted;
        return { items, next: isLast ? undefined : after };
      }
    }
    if (candidates.length < wanted) return { items, next: undefined };
  }
  return { items, next: after };
}

function candidateParameters(filter: ChangeFilter, after: ChangePosition, limit: number) {
  const { origin: _origin, selector: _selector, kind, ...rest } = filter;
  const [beforeUs, beforeCluster, beforeOrdinal, beforeSequence, beforeIndex] = after;
  return {
    ...rest,
    group: kind?.group ?? '',
    resource: kind?.resource ?? '',
    limit,
    beforeUs,
    beforeCluster,
    beforeOrdinal,
    beforeSequence,
    beforeIndex,
  };
}

function positionOf(row: ChangeRow | undefined): ChangePosition {
  if (row === undefined) return fromTheEnd;
  return [row.observedAtUs, row.cluster, row.epochOrdinal, row.sequence, row.index];
}

type Assembled = { readonly change: ApiChange; readonly labels: Readonly<Record<string, string>> };

async function assemble(
  query: TimelineQuery,
  tenant: string,
  rows: readonly ChangeRow[],
): Promise<readonly Assembled[]> {
  if (rows.length === 0) return [];
  const objects = objectsParameter(rows);
  const changes = rows.map((row) => new TupleParam([row.cluster, row.epoch, row.sequence]));
  const times = rows.map((row) => row.observedAtUs);
  const [before, links, transitions] = await Promise.all([
    predecessors(query, tenant, rows),
    query<LinkColumns>(sql.links, { tenant, objects, changes }),
    query<TransitionColumns>(sql.transitions, {
      tenant,
      changes,
      fromUs: Math.min(...times),
      toUs: Math.max(...times),
    }),
  ]);
  const bodies = await fetchBodies(query, tenant, [...rows, ...before.values()]);
  const linkOf = new Map(links.map((link) => [`${link.changeEpoch}:${link.changeSequence}@${objectKey(link)}`, link]));
  const transitionsOf = Map.groupBy(transitions, (row) => JSON.stringify([row.cluster, row.epoch, row.sequence]));
  return rows.map((row) => {
    const previous = before.get(versionKey(row));
    const body = bodies.get(versionKey(row));
    const previousBody = previous === undefined ? undefined : bodies.get(versionKey(previous));
    const sameSequence = transitionsOf.get(JSON.stringify([row.cluster, row.epoch, row.sequence])) ?? [];
    const change = assembleChange({
      row,
      before: previousBody,
      after: body,
      link: linkOf.get(`${row.epoch}:${row.sequence}@${objectKey(row)}`),
      transitions: sameSequence.filter((transition) => row.index === 0 || isOf(transition, row)),
    });
    return { change, labels: labelsOf(body ?? previousBody) };
  });
}

function isOf(transition: TransitionColumns, row: ChangeRow): boolean {
  return transition.kind === row.kind && transition.namespace === row.namespace && transition.name === row.name;
}

/** The version before each of these, by the order of its stream. */
async function predecessors(
  query: TimelineQuery,
  tenant: string,
  rows: readonly ChangeRow[],
): Promise<ReadonlyMap<string, VersionColumns>> {
  const positions = await query<VersionColumns>(sql.positions, { tenant, objects: objectsParameter(rows) });
  const found = new Map<string, VersionColumns>();
  const last = new Map<string, VersionColumns>();
  for (const position of positions) {
    const object = objectKey(position);
    const previous = last.get(object);
    if (previous !== undefined) found.set(versionKey(position), previous);
    last.set(object, position);
  }
  const wanted = new Set(rows.map(versionKey));
  return new Map([...found].filter(([key]) => wanted.has(key)));
}

type BodyColumns = VersionColumns & { readonly body: string };

async function fetchBodies(
  query: TimelineQuery,
  tenant: string,
  versions: readonly VersionColumns[],
): Promise<ReadonlyMap<string, JsonObject | undefined>> {
  const rows = await query<BodyColumns>(sql.bodies, {
    tenant,
    objects: objectsParameter(versions),
    versions: versions.map((row) => new TupleParam([row.cluster, row.epochOrdinal, row.sequence, row.index])),
  });
  return new Map(rows.map((row) => [versionKey(row), parseBody(row.body)]));
}

export function parseBody(body: string): JsonObject | undefined {
  return body === '' ? undefined : (JSON.parse(body) as JsonObject);
}

export function labelsOf(body: JsonObject | undefined): Readonly<Record<string, string>> {
  const metadata = (body?.metadata ?? {}) as JsonObject;
  const labels: Json = metadata.labels ?? {};
  return typeof labels === 'object' && labels !== null ? (labels as Readonly<Record<string, string>>) : {};
}
