/**
 * Changes with everything that is known of them: field diffs, who, origin, approval evidence, findings. Candidates are
 * found on narrow columns and sifted; bodies are read for what is left, each with the version before it.
 */
import type { ApiChange, ApiChangeVerdict, JsonObject } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { assembleChange, type ChangeRow, type LinkColumns, originOf, possibleOrigins } from './assemble-change.ts';
import { findingsOf, isFirst } from './findings-of-changes.ts';
import { versionKey } from './object-key.ts';
import { keyOf, regressionsByChange } from './regression-query.ts';
import { linkKey, linksOf } from './link-query.ts';
import { judgedKey, verdictsOf } from './verdict-query.ts';
import { matchesSelector, type Selector } from './selector.ts';
import { endOfTimeUs, type TenantTimeline } from './timeline-query.ts';
import { fetchBodies, labelsOf, predecessors, type Predecessor } from './version-bodies.ts';

const sql = loadSql(import.meta.url, 'changes.sql');

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
    const rows = await timeline.query<ChangeRow>(sql, candidateParameters(filter, after, wanted));
    const passed = await sift(timeline, filter, rows);
    const room = page.limit - kept.length;
    kept.push(...passed.slice(0, room));
    const isMore = passed.length > room || rows.length === wanted;
    const last = passed.length >= room ? passed[room - 1]?.row : rows.at(-1);
    if (last !== undefined) after = positionOf(last);
    if (!isMore) return pageOf(timeline, kept, undefined);
    if (kept.length === page.limit) break;
  }
  return pageOf(timeline, kept, after);
}

/** Those of `facts` whose bodies have room; the rest is for the next page. */
async function pageOf(
  timeline: TenantTimeline,
  facts: readonly Facts[],
  next: ChangePosition | undefined,
): Promise<ChangePage> {
  const items = await assemble(timeline, facts);
  const last = facts[items.length - 1];
  return { items, next: items.length < facts.length && last !== undefined ? positionOf(last.row) : next };
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
  const wanted: Facts[] = [];
  for (let from = 0; from < facts.length; ) {
    const { bodies, items } = await fetchBodies(timeline, facts.slice(from), (fact) => [describing(fact)]);
    wanted.push(...items.filter((fact) => isDescribed(filter, fact, bodies.get(versionKey(describing(fact))))));
    from += items.length;
  }
  return wanted;
}

function isDescribed({ selector, origin }: ChangeFilter, { row, link }: Facts, body: JsonObject | undefined): boolean {
  if (selector !== undefined && !matchesSelector(selector, labelsOf(body))) return false;
  return origin === '' || originOf(row, link, body).kind === origin;
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

/** Of the first of `all`, as many as have room. */
async function assemble(timeline: TenantTimeline, all: readonly Facts[]): Promise<readonly ApiChange[]> {
  if (all.length === 0) return [];
  const rows = all.map(({ row }) => row);
  const [{ bodies, items: facts }, findings, regressions, verdicts] = await Promise.all([
    fetchBodies(timeline, all, ({ row, previous }) => (previous === undefined ? [row] : [row, previous])),
    findingsOf(timeline, rows),
    regressionsByChange(timeline, rows.map(messageOf)),
    verdictsOf(timeline, rows),
  ]);
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
