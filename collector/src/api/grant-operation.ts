import { grantLimits, queryGrants } from '../forensics/query/grant-query.ts';
import type { Operation } from './operations.ts';
import { endOfSecond, momentOf, oneOf } from './parameters.ts';
import { partOf } from './part-of.ts';
import { Problem } from './problem.ts';
import { clusterOf } from './reader.ts';

/** Time before `until` in which requests count, unless the question says. */
const defaultSpanUs = 30 * 86_400_000_000;

export const grantOperation: Operation = {
  path: 'grants',
  summary: 'What RBAC grants to whom, and which of it was used',
  answer: 'Grant[]; and audited: { cluster, since, drops }[], from when on the audit log of each cluster is known',
  isList: true,
  parameters: {
    cluster: 'only this cluster',
    namespace: 'only what holds in this namespace alone',
    subject: 'only this user, group or service account (NAME or NAMESPACE/NAME)',
    unused: 'true: only those of which something was not used',
    builtin: "true: also what the API server's own bindings grant",
    since: 'requests at or after (default: 30 days before until)',
    until: 'requests at or before, and permissions as they were then (default: now)',
    limit: 'items of a page, 1 to 500 (default 100)',
    cursor: '`next` of the page before',
  },
  async run(ports, reader, query) {
    const untilUs = endOfSecond(query.until, momentOf(query, 'until', ports.now() * 1_000));
    const isTrue = (name: string): boolean => oneOf(query, name, ['true', 'false'], 'false') === 'true';
    const timeline = await ports.timelines.of(reader.tenant);
    const answer = await queryGrants(timeline, {
      cluster: clusterOf(reader, query),
      namespace: query.namespace ?? '',
      subject: query.subject ?? '',
      withBuiltIn: isTrue('builtin'),
      onlyUnused: isTrue('unused'),
      sinceUs: momentOf(query, 'since', Math.max(0, untilUs - defaultSpanUs)),
      untilUs,
    });
    if (answer === undefined) {
      const { objects, uses } = grantLimits;
      const what = `more than ${objects} objects of one kind, or ${uses} sums of requests: narrow it (cluster, since)`;
      throw new Problem('query-limit', what);
    }
    return { ...partOf(answer.items, query), audited: answer.audited };
  },
};
