/** Every operation of the public API: its parameters, and what it does. The server and the OpenAPI document are made from this. */
import type { ApiFinding, ApiStatus, KindName } from '@driftline/proto';
import type { Bundle, ControlMeta } from '@driftline/policy';
import type { CommitResolver } from '../forensics/git/commit-resolver.ts';
import { type ChangePosition, queryChanges } from '../forensics/query/change-query.ts';
import { queryExceptions } from '../forensics/query/exception-query.ts';
import {
  type FindingFilter,
  type FindingPosition,
  maxRankedFindings,
  queryFindings,
  queryRankedFindings,
  type RankedPosition,
  type Telling,
} from '../forensics/query/finding-query.ts';
import {
  positionShape,
  queryRecords,
  type RecordPosition,
  type RecordQuestion,
} from '../forensics/query/records/record-query.ts';
import { queryStates, type StatePosition } from '../forensics/query/state-query.ts';
import { type ConnectedAgent, queryKinds, queryStatus } from '../forensics/query/status-query.ts';
import { endOfTimeUs, type TenantTimeline, type TenantTimelines } from '../forensics/query/timeline-query.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { endOfSecond, kindOf, limitOf, momentOf, oneOf, type RawQuery, selectorOf } from './parameters.ts';
import { Problem } from './problem.ts';
import { clusterOf, type Reader } from './reader.ts';
import { grantOperation } from './grant-operation.ts';
import { scoreOperations } from './score-operations.ts';

export type ApiPorts = {
  readonly timelines: TenantTimelines;
  readonly connectedAgents: () => readonly ConnectedAgent[];
  readonly control: (id: string) => ControlMeta | undefined;
  /** The policies that are in force now. */
  readonly policies: () => Pick<Bundle, 'controls' | 'exceptions' | 'frameworks'>;
  readonly commits: CommitResolver;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly about: () => Pick<ApiStatus, 'version' | 'bundle' | 'controls' | 'mode' | 'policies'>;
};

export type Operation = {
  readonly path: string;
  readonly summary: string;
  /** What `items` holds; of an operation that answers no list, what it answers. */
  readonly answer: string;
  readonly isList: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  run(ports: ApiPorts, reader: Reader, query: RawQuery): Promise<unknown>;
};

const scope = { cluster: 'only this cluster', namespace: 'only this namespace' };
const object = {
  kind: 'kind, plural, short name, or any of them with a group (deployments.apps)',
  name: 'only this name',
};
const paging = {
  limit: 'items of a page, 1 to 500 (default 100); fewer where they are large',
  cursor: '`next` of the page before',
};
const selector = { selector: 'label selector (app=web,env in (a,b))' };
const origins = ['', 'gitops', 'pipeline', 'controller', 'human', 'unknown'] as const;
const recordTypes = ['version', 'coverage', 'transition', 'rejected'] as const;
const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export const operations: readonly Operation[] = [
  {
    path: 'log',
    summary: 'Changes, newest first',
    answer: 'Change[]',
    isList: true,
    parameters: {
      ...scope,
      ...object,
      ...selector,
      ...paging,
      since: 'observed at or after',
      until: 'observed at or before',
      user: 'linked to this audit user, as itself or impersonated',
      origin: origins.slice(1).join(', '),
      snapshots: 'true: also first sights of objects that were there before the watch',
      violated: 'true: only changes that a control about changes fails',
    },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const filter = {
        cluster: clusterOf(reader, query),
        kind: await kindParameter(timeline, reader, query.kind),
        namespace: query.namespace ?? '',
        name: query.name ?? '',
        sinceUs: momentOf(query, 'since', 0),
        untilUs: endOfSecond(query.until, momentOf(query, 'until', endOfTimeUs)),
        user: query.user ?? '',
        origin: oneOf(query, 'origin', origins, ''),
        selector: selectorOf(query),
        snapshots: oneOf(query, 'snapshots', ['true', 'false'], 'false') === 'true',
        violated: oneOf(query, 'violated', ['true', 'false'], 'false') === 'true',
      };
      const after = decodeCursor<ChangePosition>(query.cursor, ['number', 'string', 'number', 'number', 'number']);
      const { items, next } = await queryChanges(timeline, filter, { limit: limitOf(query), after });
      return { items: await ports.commits.resolve(reader.tenant, items), next: encodeCursor(next) };
    },
  },
  {
    path: 'findings',
    summary: 'Findings, most severe or riskiest first',
    answer: 'Finding[]',
    isList: true,
    parameters: {
      ...scope,
      ...object,
      ...selector,
      ...paging,
      state: 'open (default), resolved, excepted or all',
      severity: `at least this: ${severities.join(', ')}`,
      control: 'only this control',
      exception: 'only what this exception holds (with state=excepted)',
      sort: 'severity (default) or risk',
    },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const filter = {
        cluster: clusterOf(reader, query),
        kind: await kindParameter(timeline, reader, query.kind),
        namespace: query.namespace ?? '',
        name: query.name ?? '',
        control: query.control ?? '',
        exception: query.exception ?? '',
        state: oneOf(query, 'state', ['open', 'resolved', 'excepted', 'all'], 'open'),
        minSeverity: oneOf(query, 'severity', severities, 'info'),
        selector: selectorOf(query),
      };
      const isByRisk = oneOf(query, 'sort', ['severity', 'risk'], 'severity') === 'risk';
      const { items, next } = await (isByRisk ? rankedFindings : severeFindings)(ports, timeline, filter, query);
      if (items.length === 0) {
        requireException(ports, filter.exception);
        await requireControl(ports, timeline, filter);
      }
      return { items, next };
    },
  },
  {
    path: 'exceptions',
    summary: 'Exceptions: what they hold, when they end, which are no use',
    answer: 'Exception[]; the whole answer, so `next` is always null',
    isList: true,
    parameters: { cluster: scope.cluster, expiringBefore: 'what ends before is expiring (default: in 14 days)' },
    async run(ports, reader, query) {
      const expiringBeforeUs = momentOf(query, 'expiringBefore', -1);
      const question = {
        cluster: clusterOf(reader, query),
        nowMs: ports.now(),
        expiringBeforeMs: expiringBeforeUs < 0 ? undefined : expiringBeforeUs / 1_000,
      };
      const timeline = await ports.timelines.of(reader.tenant);
      return { items: await queryExceptions(timeline, ports.policies(), question), next: null };
    },
  },
  {
    path: 'objects',
    summary: 'Objects of a kind as they were at a moment',
    answer: 'ObjectState[], and gaps: Gap[], those that cover the moment',
    isList: true,
    parameters: { ...scope, ...object, ...selector, ...paging, at: 'the moment (default: now)' },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const kind = await kindParameter(timeline, reader, query.kind);
      if (kind === undefined) throw new Problem('bad-request', 'kind: required');
      const filter = {
        cluster: clusterOf(reader, query),
        group: kind.group,
        resource: kind.resource,
        namespace: query.namespace ?? '',
        name: query.name ?? '',
        atUs: endOfSecond(query.at, momentOf(query, 'at', endOfTimeUs)),
        selector: selectorOf(query),
      };
      const connected = new Set(agentsOf(ports, reader).map(({ cluster }) => cluster));
      const after = decodeCursor<StatePosition>(query.cursor, ['string', 'string', 'string']);
      const page = { limit: limitOf(query), after };
      const { items, next, gaps } = await queryStates(timeline, (cluster) => connected.has(cluster), filter, page);
      return { items, next: encodeCursor(next), gaps };
    },
  },
  {
    path: 'records',
    summary: 'What was recorded of a cluster, in the order of the record: enough to judge it again',
    answer: 'Record[]',
    isList: true,
    parameters: {
      cluster: 'required, unless the token is for one cluster',
      type: `${recordTypes.join(', ')} (default: version)`,
      since: 'recorded after',
      until: 'recorded at or before',
      requests: 'true: versions tell who asked for them, and what was said of that (not with at)',
      at: 'instead: the last of each object, kind or finding at this moment; without what was deleted or resolved',
      ...paging,
    },
    async run(ports, reader, query) {
      const question = recordQuestion(reader, query);
      const timeline = await ports.timelines.of(reader.tenant);
      const after = decodeCursor<RecordPosition>(query.cursor, positionShape(question));
      const { items, next } = await queryRecords(timeline, question, { limit: limitOf(query), after });
      return { items, next: encodeCursor(next) };
    },
  },
  grantOperation,
  ...scoreOperations,
  {
    path: 'status',
    summary: 'Agents, lag, gaps, coverage',
    answer: 'Status',
    isList: false,
    parameters: { cluster: scope.cluster },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const about = ports.about();
      // In a fleet, each gateway knows the agents that are connected to it, and a worker knows none.
      const sight = { connected: agentsOf(ports, reader), isComplete: about.mode === 'embedded' };
      const cluster = clusterOf(reader, query);
      const gitRepositories = ports.commits.status(reader.tenant, cluster);
      return { ...about, ...(await queryStatus(timeline, cluster, sight)), gitRepositories };
    },
  },
];

function recordQuestion(reader: Reader, query: RawQuery): RecordQuestion {
  const cluster = clusterOf(reader, query);
  if (cluster === '') throw new Problem('bad-request', 'cluster: required');
  if (query.at !== undefined && (query.since !== undefined || query.until !== undefined))
    throw new Problem('bad-request', 'at: instead of since and until, not beside them');
  const type = oneOf(query, 'type', recordTypes, 'version');
  const endOf = (name: 'at' | 'since' | 'until', fallbackUs: number): number =>
    endOfSecond(query[name], momentOf(query, name, fallbackUs));
  if (query.at !== undefined && type === 'rejected')
    throw new Problem('bad-request', 'at: what was rejected has no state; use since and until');
  if (query.at !== undefined) return { cluster, type, when: { atUs: endOf('at', 0) } };
  const withRequests = oneOf(query, 'requests', ['true', 'false'], 'false') === 'true' && type === 'version';
  return { cluster, type, withRequests, when: { sinceUs: endOf('since', -1), untilUs: endOf('until', endOfTimeUs) } };
}

type FindingsPage = { readonly items: readonly ApiFinding[]; readonly next: string | null };

function tellingOf({ control, now }: ApiPorts): Telling {
  return { control, nowMs: now() };
}

async function severeFindings(
  ports: ApiPorts,
  timeline: TenantTimeline,
  filter: FindingFilter,
  query: RawQuery,
): Promise<FindingsPage> {
  const [t, n] = ['string', 'number'] as const;
  const after = decodeCursor<FindingPosition>(query.cursor, [n, t, t, t, t, t, t, t]);
  const { items, next } = await queryFindings(timeline, tellingOf(ports), filter, { limit: limitOf(query), after });
  return { items, next: encodeCursor(next) };
}

async function rankedFindings(
  ports: ApiPorts,
  timeline: TenantTimeline,
  filter: FindingFilter,
  query: RawQuery,
): Promise<FindingsPage> {
  const after = decodeCursor<RankedPosition>(query.cursor, ['number', 'string', 'string']);
  const page = { limit: limitOf(query), after };
  const ranked = await queryRankedFindings(timeline, tellingOf(ports), filter, page);
  if (ranked !== undefined) return { items: ranked.items, next: encodeCursor(ranked.next) };
  const what = `sort: more than ${maxRankedFindings} findings to compare; narrow it (cluster, namespace, severity, control)`;
  throw new Problem('query-limit', what);
}

/** A control that nobody knows must not pass for one that nothing breaks. Findings of removed controls stay readable. */
async function requireControl(ports: ApiPorts, timeline: TenantTimeline, filter: FindingFilter): Promise<void> {
  const { control, cluster } = filter;
  if (control === '' || ports.control(control) !== undefined) return;
  const any: FindingFilter = { ...anyFinding, control, cluster };
  const { items } = await queryFindings(timeline, tellingOf(ports), any, { limit: 1, after: undefined });
  if (items.length === 0) throw new Problem('not-found', `control: the bundle has no '${control}'`);
}

/** Of a mistyped exception it must not be said that it holds nothing. */
function requireException({ policies }: ApiPorts, exception: string): void {
  if (exception === '' || policies().exceptions.some(({ id }) => id === exception)) return;
  throw new Problem('not-found', `exception: the bundle has no '${exception}'`);
}

const anyFinding = {
  kind: undefined,
  namespace: '',
  name: '',
  exception: '',
  state: 'all',
  minSeverity: 'info',
  selector: undefined,
} as const;

function agentsOf(ports: ApiPorts, { tenant }: Reader): readonly ConnectedAgent[] {
  return ports.connectedAgents().filter((agent) => agent.tenant === tenant);
}

async function kindParameter(
  timeline: TenantTimeline,
  { cluster }: Reader,
  text: string | undefined,
): Promise<KindName | undefined> {
  return text === undefined ? undefined : kindOf(text, await queryKinds(timeline, cluster));
}
