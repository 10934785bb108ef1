/** A namespace has an object that bounds what its pods may take: a ResourceQuota or a LimitRange, as `kind` says. */
import { type Fact, type RelationControl, stringAt, stringsOf } from '@driftline/policy';

const bounds: ReadonlyMap<string, Fact<true>> = new Map(
  ['ResourceQuota', 'LimitRange'].map((kind) => [
    kind,
    { name: `${kind}-exists`, group: '', kind, reads: [], project: () => true as const },
  ]),
);

export const namespaceResources: RelationControl = {
  name: 'namespace-resources',
  reads: [],
  evaluate({ key, view, params }) {
    if (stringsOf(params['exempt']).includes(key.name)) return { verdict: 'not-applicable' };
    const kind = stringAt(params, 'kind');
    const fact = bounds.get(kind);
    if (fact === undefined) return { verdict: 'not-assessable', reason: `no kind ${kind} bounds a namespace` };
    if (view.facts(fact, key.name).length > 0) return { verdict: 'pass' };
    const reason = `namespace ${key.name} has no ${kind}`;
    return { verdict: 'fail', violations: [{ path: '', value: '', reason }] };
  },
};
