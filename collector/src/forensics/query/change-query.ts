/**
 * Changes with everything that is known of them: field diffs, who, origin, approval evidence, findings. Candidates are
 * found on narrow columns and sifted; bodies are read for what is left, each with the version before it.
 */
import type { ApiChange, ApiChangeVerdict } from '@driftline/proto';
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import {
  assembleChange,
  type ChangeRow,
  type LinkColumns,
  originOf,
  possibleOrigins,
  type TransitionColumns,
} from './assemble-change.ts';
import { charactersOf, objectKey, objectsParameter, versionKey } from './object-key.ts';
import { keyOf, regressionsByChange } from './regression-query.ts';
import { judgedKey, verdictsOf } from './verdict-query.ts';
import { matchesSelector, type Selector } from './selector.ts';
import { endOfTimeUs, inParameters, type TenantTimeline } from './timeline-query.ts';
import { fetchBodies, labelsOf, predecessors, type Predecessor } from './version-bodies.ts';

const sql = {
  changes: loadSql(import.meta.url, 'changes.sql'),
  links: loadSql(import.meta.url, 'links.sql'),
  transitions: loadSql(import.meta.url, 'transitions.sql'),
};

export type ChangeFilter = {
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
  /** Only changes that a control about changes fails. */
  readonly violated: boolean;
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
/** Whose link counts, origins and labels are known only when a candidate is looked at; a page looks at this many at most. */
const maxCandidates = 5_000;
const siftedAtOnce = 500;

export async function queryChanges(
  timeline: TenantTimeline,
  filter: ChangeFilter,
  page: { readonly limit: number; readonly after: ChangePosition | undefined },
): Promise<ChangePage> {
  const isSifted = filter.origin !== '' || filter.selector !== undefined || filter.user !== '' || filter.violated;
  // One more than the page: whether there is a next one.
  const wanted = isSifted ? siftedAtOnce : page.limit + 1;
  const kept: Facts[] = [];
  let after = page.after ?? fromTheEnd;
  for (let seen = 0; seen < maxCandidates; seen += wanted) {
    const rows = await timeline.query<ChangeRow>(sql.changes, candidateParameters(filter, after, wanted));
    const passed = await sift(timeline, filter, rows);
    const room = page.limit - kept.length;
    kept.push(...passed.slice(0, room));
    const isMore = passed.length > room || rows.length === wanted;
    const last = passed.length >= room ? passed[room - 1]?.row : rows.at(-1);
    if (last !== undefined) after = positionOf(last);
    if (!isMore) return { items: await assemble(timeline, kept), next: undefined };
    if (kept.length === page.limit) break;
  }
  return { items: await assemble(timeline, kept), next: after };
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

function positionOf(row: ChangeRow): ChangePosition {
  return [row.observedAtUs, row.cluster, row.epochOrdinal, row.sequence, row.index];
}

type Facts = {
  readonly row: ChangeRow;
  readonly link: LinkColumns | undefined;
  readonly previous: Predecessor | undefined;
};

/** Rows with their link and predecessor, without those that the filter leaves out. */
async function sift(
  timeline: TenantTimeline,
  filter: ChangeFilter,
  rows: readonly ChangeRow[],
): Promise<readonly Facts[]> {
  if (rows.length === 0) return [];
  const links = await linksOf(timeline, rows);
  const { user, origin, selector } = filter;
  const verdicts = filter.violated ? await verdictsOf(timeline, rows) : undefined;
  const possible = rows.filter((row) => {
    const link = links.get(linkKey(row));
    if (verdicts !== undefined && !isViolated(verdicts.get(judgedKey(row)))) return false;
    return isBy(user, link) && (origin === '' || possibleOrigins(row, link).some((one) => one === origin));
  });
  const before = await predecessors(timeline, possible);
  const facts = possible.map((row) => ({ row, link: links.get(linkKey(row)), previous: before.get(versionKey(row)) }));
  if (origin === '' && selector === undefined) return facts;
  const bodies = await fetchBodies(timeline, facts.map(describing));
  return facts.filter((fact) => {
    const body = bodies.get(versionKey(describing(fact)));
    if (selector !== undefined && !matchesSelector(selector, labelsOf(body))) return false;
    return origin === '' || originOf(fact.row, fact.link, body).kind === origin;
  });
}

/** The version whose body tells what the object is: of a deleted one, the last that was seen. */
function describing({ row, previous }: Facts) {
  return row.op === 'deleted' ? (previous ?? row) : row;
}

function isViolated(verdicts: readonly ApiChangeVerdict[] | undefined): boolean {
  return verdicts?.some(({ state }) => state === 'fail') === true;
}

function isBy(user: string, link: LinkColumns | undefined): boolean {
  return user === '' || link?.user === user || link?.impersonatedUser === user;
}

async function linksOf(
  timeline: TenantTimeline,
  rows: readonly ChangeRow[],
): Promise<ReadonlyMap<string, LinkColumns>> {
  const links = await Promise.all(
    inParameters(rows, charactersOf).map((part) =>
      timeline.query<LinkColumns>(sql.links, {
        objects: objectsParameter(part),
        changes: changesParameter(part),
      }),
    ),
  );
  // Recorded order: a later link of the same change takes the place of an earlier one, and `none` takes it away.
  const last = new Map(
    links.flat().map((link) => [linkKey({ ...link, epoch: link.changeEpoch, sequence: link.changeSequence }), link]),
  );
  for (const [key, link] of last) if (link.confidence === 'none') last.delete(key);
  return last;
}

type ChangeKey = Pick<ChangeRow, 'cluster' | 'epoch' | 'sequence' | 'group' | 'resource' | 'namespace' | 'name'>;

function linkKey(change: ChangeKey): string {
  return `${change.epoch}:${change.sequence}@${objectKey(change)}`;
}

function changesParameter(rows: readonly ChangeRow[]): readonly TupleParam[] {
  return rows.map((row) => new TupleParam([row.cluster, row.epoch, row.sequence]));
}

async function assemble(timeline: TenantTimeline, facts: readonly Facts[]): Promise<readonly ApiChange[]> {
  if (facts.length === 0) return [];
  const rows = facts.map(({ row }) => row);
  const [bodies, transitions, regressions, verdicts] = await Promise.all([
    fetchBodies(
      timeline,
      facts.flatMap(({ row, previous }) => (previous === undefined ? [row] : [row, previous])),
    ),
    transitionsOf(timeline, rows),
    regressionsByChange(timeline, rows.map(messageOf)),
    verdictsOf(timeline, rows),
  ]);
  const findings = attribute(rows, transitions);
  return facts.map(({ row, link, previous }) =>
    assembleChange({
      row,
      before: previous === undefined ? undefined : bodies.get(versionKey(previous)),
      isSameObject: previous?.uid === row.uid,
      after: bodies.get(versionKey(row)),
      link,
      transitions: findings.get(versionKey(row)) ?? [],
      verdicts: verdicts.get(judgedKey(row)) ?? [],
      regressions: isFirst(row) ? (regressions.get(regressionKey(row)) ?? []) : [],
    }),
  );
}

function regressionKey(row: ChangeRow): string {
  const { cluster, id } = messageOf(row);
  return keyOf(cluster, id);
}

function messageOf({ cluster, epoch, sequence }: ChangeRow): { readonly cluster: string; readonly id: string } {
  return { cluster, id: `${epoch}:${sequence}` };
}

async function transitionsOf(
  timeline: TenantTimeline,
  rows: readonly ChangeRow[],
): Promise<readonly TransitionColumns[]> {
  const times = rows.map((row) => row.observedAtUs);
  const found = await Promise.all(
    inParameters(rows, charactersOf).map((part) =>
      timeline.query<TransitionColumns>(sql.transitions, {
        changes: changesParameter(part),
        fromUs: Math.min(...times),
        toUs: Math.max(...times),
      }),
    ),
  );
  return found.flat();
}

/**
 * A message is one change and what it opened or resolved anywhere; only a list that shows several objects to be gone is
 * several. Then each change has the findings of its own object, and the first has the rest.
 */
function attribute(
  rows: readonly ChangeRow[],
  transitions: readonly TransitionColumns[],
): ReadonlyMap<string, readonly TransitionColumns[]> {
  const message = (row: { cluster: string; epoch: string; sequence: number }) =>
    JSON.stringify([row.cluster, row.epoch, row.sequence]);
  const rowsOf = Map.groupBy(rows, message);
  return Map.groupBy(transitions, (transition) => {
    const candidates = rowsOf.get(message(transition)) ?? [];
    const row = candidates.find((candidate) => isOf(transition, candidate)) ?? candidates.find(isFirst);
    return row === undefined ? '' : versionKey(row);
  });
}

function isFirst(row: ChangeRow): boolean {
  return row.index === 0;
}

function isOf(transition: TransitionColumns, row: ChangeRow): boolean {
  return (
    transition.group === row.group &&
    transition.kind === row.kind &&
    transition.namespace === row.namespace &&
    transition.name === row.name
  );
}
