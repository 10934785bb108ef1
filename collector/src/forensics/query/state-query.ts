/** Objects as they were at a moment, and whether a gap covers it. */
import { type ApiGap, type ApiObjectState, isJsonObject } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { changeId } from './assemble-change.ts';
import { queryGaps, toGap } from './gap-query.ts';
import { apiObject, type ObjectColumns } from './object-key.ts';
import { matchesSelector, type Selector } from './selector.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';
import { labelsOf, parseBody } from './version-bodies.ts';

const sql = { states: loadSql(import.meta.url, 'states.sql'), blind: loadSql(import.meta.url, 'blind.sql') };

export type StateFilter = {
  /** '' means any. */
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly atUs: number;
  readonly selector: Selector | undefined;
};

/** Where a page ended. */
export type StatePosition = readonly [cluster: string, namespace: string, name: string];

export type StatePage = {
  readonly items: readonly ApiObjectState[];
  readonly next: StatePosition | undefined;
  /** Gaps that cover the moment, for this kind: what the items may lack. */
  readonly gaps: readonly ApiGap[];
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

/** Bodies are needed to know labels; a page reads this many at most. */
const maxCandidates = 5_000;
const siftedAtOnce = 500;

/** `isConnected`: whether the agent of a cluster is connected now. */
export async function queryStates(
  timeline: TenantTimeline,
  isConnected: (cluster: string) => boolean,
  filter: StateFilter,
  page: { readonly limit: number; readonly after: StatePosition | undefined },
): Promise<StatePage> {
  const { selector, ...parameters } = filter;
  const [gaps, blind] = await Promise.all([
    queryGaps(timeline, { cluster: filter.cluster, kind: filter, atUs: filter.atUs }),
    timeline.query<{ readonly cluster: string }>(sql.blind, parameters),
  ]);
  const unsure = new Set([...gaps, ...blind].map(({ cluster }) => cluster));
  const isUnsure = (cluster: string): boolean =>
    unsure.has(cluster) || (!isConnected(cluster) && filter.atUs > seenUntilUs(timeline, cluster));
  // One more than the page: whether there is a next one.
  const wanted = selector === undefined ? page.limit + 1 : siftedAtOnce;
  const kept: ApiObjectState[] = [];
  let after = page.after ?? (['', '', ''] as const);
  let charactersLeft = timeline.bodyCharacters;
  for (let seen = 0; seen < maxCandidates && kept.length < page.limit; seen += wanted) {
    const [afterCluster, afterNamespace, afterName] = after;
    const place = { afterCluster, afterNamespace, afterName, limit: wanted };
    const { rows, isCut, characters } = await timeline.weighed<StateColumns>(
      sql.states,
      { ...parameters, ...place },
      { of: ({ body }) => body, room: charactersLeft },
    );
    const passed = rows.map((row) => toState(row, isUnsure(row.cluster))).filter((state) => isWanted(selector, state));
    const room = page.limit - kept.length;
    kept.push(...passed.slice(0, room));
    const last = passed.length >= room ? passed[room - 1]?.object : rows.at(-1);
    if (last !== undefined) after = [last.cluster, last.namespace, last.name];
    if (!isCut && passed.length <= room && rows.length < wanted)
      return { items: kept, next: undefined, gaps: gaps.map(toGap) };
    charactersLeft -= characters;
    if (isCut || charactersLeft <= 0) break;
  }
  return { items: kept, next: after, gaps: gaps.map(toGap) };
}

function isWanted(selector: Selector | undefined, { body }: ApiObjectState): boolean {
  return selector === undefined || matchesSelector(selector, labelsOf(isJsonObject(body) ? body : undefined));
}

/** Without an agent, nothing is known of what came after its last message. */
function seenUntilUs(timeline: TenantTimeline, cluster: string): number {
  const own = timeline.streams.filter((stream) => stream.cluster === cluster);
  return Math.max(0, ...own.map((stream) => stream.newestObservedAtUs));
}

function toState(row: StateColumns, isUnsure: boolean): ApiObjectState {
  return {
    object: apiObject(row),
    apiVersion: row.apiVersion,
    resourceVersion: row.resourceVersion,
    observedAt: toRfc3339(row.observedAtUs),
    certainty: isUnsure ? 'gap' : 'certain',
    changeId: changeId(row),
    body: parseBody(row.body) ?? null,
  };
}
