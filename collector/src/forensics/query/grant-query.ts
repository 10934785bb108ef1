/** What RBAC grants at a moment, and which of it was used before: permissions as they are held against the audit timeline. */
import type { ApiGrant, ApiGrants, ApiGrantUnits } from '@driftline/proto';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { type Granted, grantedBy, rbacGroup, type RbacObject } from '../grants/granted.ts';
import { resourceText, type Sight, type Unit, type Usage, usageOf, type Use, UsesBySubject } from '../grants/usage.ts';
import { queryGaps } from './gap-query.ts';
import { type TenantTimeline, toRfc3339 } from './timeline-query.ts';
import { parseBody } from './version-bodies.ts';

const sql = {
  states: loadSql(import.meta.url, 'states.sql'),
  uses: loadSql(import.meta.url, 'grant-uses.sql'),
  sight: loadSql(import.meta.url, 'grant-sight.sql'),
};

export type GrantFilter = {
  /** '' means any, of these. */
  readonly cluster: string;
  readonly namespace: string;
  /** Of the subject: `alice@example.com`, `ops`, `ci/deployer`. */
  readonly subject: string;
  /** With those of the API server's own bindings. */
  readonly withBuiltIn: boolean;
  readonly onlyUnused: boolean;
  /** Requests in this time count; permissions are those of its end. */
  readonly sinceUs: number;
  readonly untilUs: number;
};

/** RBAC objects of one resource, and sums of requests, that one answer is made of. More: narrow the question. */
export const grantLimits = { objects: 20_000, uses: 200_000 } as const;

type SightColumns = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly reads: number;
  readonly writes: number;
  readonly changes: number;
  readonly firstUs: number;
};

/** The whole answer; undefined when it passes `grantLimits`. */
export async function queryGrants(
  timeline: TenantTimeline,
  filter: GrantFilter,
): Promise<Omit<ApiGrants, 'next'> | undefined> {
  const { cluster, sinceUs, untilUs } = filter;
  const objects = await rbacObjects(timeline, cluster, untilUs);
  if (objects === undefined) return undefined;
  const granted = grantedBy(objects).filter((one) => isAsked(one, filter));
  const names = [...new Set(granted.flatMap(({ rules }) => rules.flatMap((rule) => rule.resourceNames)))];
  const range = { cluster, sinceUs, untilUs };
  const [uses, sight, gaps] = await Promise.all([
    timeline.query<Use>(sql.uses, { ...range, names, limit: grantLimits.uses + 1 }),
    timeline.query<SightColumns>(sql.sight, range),
    queryGaps(timeline, { cluster, kind: undefined, atUs: 0 }),
  ]);
  if (uses.length > grantLimits.uses) return undefined;
  const bySubject = new UsesBySubject(uses);
  const byCluster = Map.groupBy(sight, (row) => row.cluster);
  const sights = new Map([...byCluster].map(([name, rows]) => [name, sightOf(rows)]));
  const items = granted
    .map((one) => toGrant(one, usageOf(one, bySubject, sights.get(one.cluster) ?? blind)))
    .filter((grant) => !filter.onlyUnused || grant.unused.length > 0);
  const audited = [...new Set(granted.map((one) => one.cluster))].map((name) => {
    const events = (byCluster.get(name) ?? []).filter(({ reads, writes }) => reads + writes > 0);
    const drops = gaps.filter(
      (gap) => gap.cluster === name && gap.cause === 'audit_drop' && gap.toUs >= sinceUs && gap.fromUs <= untilUs,
    );
    const firstUs = Math.min(...events.map((row) => row.firstUs));
    return { cluster: name, since: events.length === 0 ? null : toRfc3339(firstUs), drops: drops.length };
  });
  return { items, audited };
}

async function rbacObjects(
  { query }: TenantTimeline,
  cluster: string,
  atUs: number,
): Promise<readonly RbacObject[] | undefined> {
  const everywhere = { cluster, namespace: '', name: '', afterCluster: '', afterNamespace: '', afterName: '' };
  const resources = ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'];
  const found = await Promise.all(
    resources.map((resource) =>
      query<{ readonly cluster: string; readonly resource: string; readonly body: string }>(sql.states, {
        ...everywhere,
        group: rbacGroup,
        resource,
        atUs,
        limit: grantLimits.objects + 1,
      }),
    ),
  );
  if (found.some((rows) => rows.length > grantLimits.objects)) return undefined;
  return found.flat().flatMap((row) => {
    const body = parseBody(row.body);
    return body === undefined ? [] : [{ cluster: row.cluster, resource: row.resource, body }];
  });
}

function isAsked({ subject, namespace, isBuiltIn }: Granted, filter: GrantFilter): boolean {
  const names = [subject.name, subject.namespace === '' ? '' : `${subject.namespace}/${subject.name}`];
  return (
    (filter.withBuiltIn || !isBuiltIn) &&
    (filter.namespace === '' || namespace === filter.namespace) &&
    (filter.subject === '' || names.includes(filter.subject))
  );
}

/** Without a single event. */
const blind: Sight = { sawWrites: false, reads: new Set(), silent: new Set() };

function sightOf(rows: readonly SightColumns[]): Sight {
  const full = ({ group, resource, subresource }: SightColumns): string =>
    resourceText(group, subresource === '' ? resource : `${resource}/${subresource}`);
  const written = new Set(rows.filter(({ writes }) => writes > 0).map((row) => resourceText(row.group, row.resource)));
  return {
    sawWrites: written.size > 0,
    reads: new Set(rows.filter(({ reads }) => reads > 0).map(full)),
    silent: new Set(rows.filter((row) => row.changes > 0 && !written.has(full(row))).map(full)),
  };
}

function toGrant({ boundAt, ...granted }: Granted, { uses, used, unused, notObservable }: Usage): ApiGrant {
  const [latest] = uses;
  return {
    ...granted,
    boundAt: boundAt === '' ? null : boundAt,
    use: useOf(used.length, unused.length),
    lastUsedAt: latest === undefined ? null : toRfc3339(latest.lastUs),
    uses: uses.map(({ lastUs, count, ...unit }) => ({
      ...unit,
      requests: Math.max(count, 1),
      lastUsedAt: toRfc3339(lastUs),
    })),
    used: byVerbs(used),
    unused: byVerbs(unused),
    notObservable: byVerbs(notObservable),
  };
}

function useOf(used: number, unused: number): ApiGrant['use'] {
  if (used > 0) return unused > 0 ? 'partly-used' : 'used';
  return unused > 0 ? 'unused' : 'not-observable';
}

/** Resources with the same verbs stand together. */
function byVerbs(units: readonly Unit[]): readonly ApiGrantUnits[] {
  const verbsOf = Map.groupBy(units, ({ resource }) => resource);
  const resources = [...verbsOf].map(([resource, same]) => ({ resource, verbs: same.map(({ verb }) => verb).sort() }));
  return [...Map.groupBy(resources, ({ verbs }) => verbs.join(','))].map(([verbs, same]) => ({
    verbs: verbs.split(','),
    resources: same.map(({ resource }) => resource),
  }));
}
