/** Every operation of the public API: its parameters, and what it does. The server and the OpenAPI document are made from this. */
import type { ApiStatus, KindName } from '@driftline/proto';
import type { ControlMeta } from '@driftline/policy';
import { type ChangePosition, queryChanges } from '../forensics/query/change-query.ts';
import { queryFindings } from '../forensics/query/finding-query.ts';
import { queryLabels } from '../forensics/query/label-query.ts';
import { queryScores } from '../forensics/query/score-query.ts';
import { queryStates } from '../forensics/query/state-query.ts';
import { type ConnectedAgent, queryKinds, queryStatus } from '../forensics/query/status-query.ts';
import { endOfTimeUs, type TimelineQuery } from '../forensics/query/timeline-query.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { kindOf, limitOf, momentOf, oneOf, type RawQuery, selectorOf } from './parameters.ts';
import { Problem } from './problem.ts';

export type ApiPorts = {
  readonly query: TimelineQuery;
  readonly connectedAgents: () => readonly ConnectedAgent[];
  readonly control: (id: string) => ControlMeta | undefined;
  readonly about: () => Pick<ApiStatus, 'version' | 'bundle' | 'controls' | 'mode'>;
};

export type Operation = {
  readonly path: string;
  readonly summary: string;
  readonly answer: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The tenant comes from the credential. */
  run(ports: ApiPorts, tenant: string, query: RawQuery): Promise<unknown>;
};

const scope = { cluster: 'only this cluster', namespace: 'only this namespace' };
const object = {
  kind: 'kind, plural, short name, or any of them with a group (deployments.apps)',
  name: 'only this name',
};
const paging = { limit: 'items of a page, 1 to 500 (default 100)', cursor: '`next` of the page before' };
const selector = { selector: 'label selector (app=web,env in (a,b))' };
const origins = ['', 'gitops', 'pipeline', 'controller', 'human', 'unknown'] as const;
const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export const operations: readonly Operation[] = [
  {
    path: 'log',
    summary: 'Changes, newest first',
    answer: '{items: Change[], next}',
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
    },
    async run(ports, tenant, query) {
      const position = decodeCursor(query.cursor, ['number', 'string', 'number', 'number', 'number']) as
        | ChangePosition
        | undefined;
      const kind = await kindParameter(ports, tenant, query.kind);
      const page = await queryChanges(
        ports.query,
        {
          tenant,
          cluster: query.cluster ?? '',
          kind,
          namespace: query.namespace ?? '',
          name: query.name ?? '',
          sinceUs: momentOf(query, 'since', 0),
          untilUs: momentOf(query, 'until', endOfTimeUs),
          user: query.user ?? '',
          origin: oneOf(query, 'origin', origins, ''),
          selector: selectorOf(query),
          snapshots: oneOf(query, 'snapshots', ['true', 'false'], 'false') === 'true',
        },
        { limit: limitOf(query), after: position },
      );
      return { items: page.items, next: page.next === undefined ? null : encodeCursor(page.next) };
    },
  },
  {
    path: 'findings',
    summary: 'Findings, most severe first',
    answer: '{items: Finding[], next}',
    parameters: {
      ...scope,
      ...object,
      ...selector,
      ...paging,
      state: 'open (default), resolved, excepted or all',
      severity: `at least this: ${severities.join(', ')}`,
      control: 'only this control',
    },
    async run(ports, tenant, query) {
      const kind = await kindParameter(ports, tenant, query.kind);
      const page = await queryFindings(
        {
          query: ports.query,
          control: ports.control,
          labels: (owner, objects) => queryLabels(ports.query, owner, objects),
        },
        {
          tenant,
          cluster: query.cluster ?? '',
          kind,
          namespace: query.namespace ?? '',
          name: query.name ?? '',
          control: query.control ?? '',
          state: oneOf(query, 'state', ['open', 'resolved', 'excepted', 'all'], 'open'),
          minSeverity: oneOf(query, 'severity', severities, 'info'),
          selector: selectorOf(query),
        },
        { limit: limitOf(query), offset: offsetOf(query) },
      );
      return { items: page.items, next: page.nextOffset === undefined ? null : encodeCursor([page.nextOffset]) };
    },
  },
  {
    path: 'objects',
    summary: 'Objects of a kind as they were at a moment',
    answer: '{items: ObjectState[], next}',
    parameters: { ...scope, ...object, ...selector, ...paging, at: 'the moment (default: now)' },
    async run(ports, tenant, query) {
      const kind = await kindParameter(ports, tenant, query.kind);
      if (kind === undefined) throw new Problem('bad-request', 'kind: required');
      const page = await queryStates(
        ports.query,
        {
          tenant,
          cluster: query.cluster ?? '',
          group: kind.group,
          resource: kind.resource,
          namespace: query.namespace ?? '',
          name: query.name ?? '',
          atUs: momentOf(query, 'at', endOfTimeUs),
          selector: selectorOf(query),
        },
        { limit: limitOf(query), offset: offsetOf(query) },
      );
      return { items: page.items, next: page.nextOffset === undefined ? null : encodeCursor([page.nextOffset]) };
    },
  },
  {
    path: 'score',
    summary: 'Posture per cluster, category and namespace',
    answer: '{items: Score[]}',
    parameters: { ...scope, at: 'the moment (default: now)' },
    async run(ports, tenant, query) {
      const filter = {
        tenant,
        cluster: query.cluster ?? '',
        namespace: query.namespace ?? '',
        atUs: momentOf(query, 'at', endOfTimeUs),
      };
      return { items: await queryScores(ports.query, filter) };
    },
  },
  {
    path: 'status',
    summary: 'Agents, lag, gaps, coverage',
    answer: 'Status',
    parameters: { cluster: scope.cluster },
    async run(ports, tenant, query) {
      const status = await queryStatus(ports.query, { tenant, cluster: query.cluster ?? '' }, ports.connectedAgents());
      return { ...ports.about(), ...status };
    },
  },
];

async function kindParameter(ports: ApiPorts, tenant: string, text: string | undefined): Promise<KindName | undefined> {
  if (text === undefined || text === '') return undefined;
  return kindOf(text, await queryKinds(ports.query, tenant));
}

function offsetOf(query: RawQuery): number {
  const [offset = 0] = decodeCursor(query.cursor, ['number']) ?? [];
  return Number(offset);
}
