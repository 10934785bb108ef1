/** What the API tells of scores: now and then, over time, by framework, and when they fell. */
import { queryRegressions, type RegressionPosition } from '../forensics/query/regression-query.ts';
import {
  queryRequirementScores,
  queryScorePoints,
  queryScores,
  queryTenantPoints,
  queryTenantScore,
  type ScopeType,
  type ScoreFilter,
  type ScorePointPosition,
  type ScorePosition,
  scopeTypes,
} from '../forensics/query/score-query.ts';
import { endOfTimeUs } from '../forensics/query/timeline-query.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { ApiPorts, Operation } from './operations.ts';
import { endOfSecond, limitOf, momentOf, oneOf, type RawQuery } from './parameters.ts';
import { partOf } from './part-of.ts';
import { Problem } from './problem.ts';
import { clusterOf, type Reader } from './reader.ts';

const by = ['', 'tenant', ...scopeTypes] as const;
const filters = {
  cluster: 'only this cluster',
  namespace: 'only this namespace',
  by: `only scopes of this kind: ${by.slice(1).join(', ')}`,
  scope: 'only this scope, such as owner:shop-team',
};
const paging = { limit: 'items of a page, 1 to 500 (default 100)', cursor: '`next` of the page before' };
const range = { since: 'at or after', until: 'at or before' };
const defaultTypes: readonly ScopeType[] = ['cluster', 'category', 'namespace'];

export const scoreOperations: readonly Operation[] = [
  {
    path: 'score',
    summary: 'Posture per cluster, category and namespace, or by what is asked for',
    answer:
      "Score[]; with `framework` the framework's, then its requirements, and framework: { id, title, version, notShown }",
    isList: true,
    parameters: {
      ...filters,
      framework: 'its score and that of its requirements',
      at: 'the moment (default: now)',
      ...paging,
    },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const atUs = endOfSecond(query.at, momentOf(query, 'at', endOfTimeUs));
      const moment = { cluster: clusterOf(reader, query), atUs };
      if (query.framework !== undefined) return frameworkScores(ports, reader, query, moment);
      if (isOfTenant(query)) return { items: await queryTenantScore(timeline, moment), next: null };
      const after = decodeCursor<ScorePosition>(query.cursor, ['string', 'number', 'string']);
      const page = { limit: limitOf(query), after };
      const { items, next } = await queryScores(timeline, { ...filterOf(reader, query), atUs }, page);
      return { items, next: encodeCursor(next) };
    },
  },
  {
    path: 'score/history',
    summary: 'Scores over time, by scope, oldest first; each begins with its last point before',
    answer: 'Score[]',
    isList: true,
    parameters: { ...filters, ...range, ...paging },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      const time = timeOf(query);
      if (isOfTenant(query)) {
        const items = await queryTenantPoints(timeline, { cluster: clusterOf(reader, query), ...time });
        return partOf(items, query);
      }
      const after = decodeCursor<ScorePointPosition>(query.cursor, ['string', 'string', 'number', 'number']);
      const page = { limit: limitOf(query), after };
      const { items, next } = await queryScorePoints(timeline, { ...filterOf(reader, query), ...time }, page);
      return { items, next: encodeCursor(next) };
    },
  },
  {
    path: 'score/regressions',
    summary: 'Scores that fell, newest first, and by what',
    answer: 'Regression[]',
    isList: true,
    parameters: { ...filters, ...range, ...paging },
    async run(ports, reader, query) {
      const timeline = await ports.timelines.of(reader.tenant);
      if (isOfTenant(query)) throw new Problem('bad-request', 'by: regressions are told of clusters and their parts');
      const types = query.by === undefined ? [] : filterOf(reader, query).types;
      const filter = { ...filterOf(reader, query), types, ...timeOf(query) };
      const after = decodeCursor<RegressionPosition>(query.cursor, ['number', 'string', 'number', 'number', 'number']);
      const { items, next } = await queryRegressions(timeline, filter, { limit: limitOf(query), after });
      return { items, next: encodeCursor(next) };
    },
  },
];

function isOfTenant(query: RawQuery): boolean {
  return oneOf(query, 'by', by, '') === 'tenant';
}

function filterOf(reader: Reader, query: RawQuery): ScoreFilter {
  const { namespace, scope } = query;
  if (namespace !== undefined && scope !== undefined)
    throw new Problem('bad-request', 'scope: either it or namespace, not both');
  const wanted = namespace === undefined ? (scope ?? '') : `namespace:${namespace}`;
  const type = oneOf(query, 'by', by, '');
  const isSaid = type !== '' && type !== 'tenant';
  const types = isSaid ? [type] : wanted === '' ? defaultTypes : scopeTypes;
  return { cluster: clusterOf(reader, query), scope: wanted, types };
}

function timeOf(query: RawQuery): { readonly sinceUs: number; readonly untilUs: number } {
  return {
    sinceUs: momentOf(query, 'since', 0),
    untilUs: endOfSecond(query.until, momentOf(query, 'until', endOfTimeUs)),
  };
}

async function frameworkScores(
  ports: ApiPorts,
  reader: Reader,
  query: RawQuery,
  moment: { readonly cluster: string; readonly atUs: number },
) {
  const { controls, frameworks } = ports.policies();
  const framework = frameworks.find(({ id }) => id === query.framework);
  if (framework === undefined) {
    const known = frameworks.map(({ id }) => id).join(', ');
    throw new Problem('not-found', `framework: the policies have no '${query.framework}'; there are: ${known}`);
  }
  const { id, title, version } = framework;
  const timeline = await ports.timelines.of(reader.tenant);
  const filter = { ...moment, scope: `framework:${id}`, types: ['framework'] as const };
  const whole = await queryScores(timeline, filter, { limit: 10_000, after: undefined });
  const metas = controls.map(({ control }) => control.meta);
  const requirements = framework.requirements.map((requirement) => requirement.id);
  const parts = await queryRequirementScores(timeline, { framework: id, requirements, controls: metas }, moment);
  const shown = new Set(parts.map(({ scope }) => scope));
  const notShown = framework.requirements
    .filter((requirement) => !shown.has(`requirement:${id}/${requirement.id}`))
    .map(({ id: requirement, title: name, cannotShow }) => ({
      id: requirement,
      title: name,
      reason: cannotShow ?? 'nothing here is judged by a control for it',
    }));
  return { items: [...whole.items, ...parts], next: null, framework: { id, title, version, notShown } };
}
