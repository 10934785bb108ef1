/** A namespace has at least one NetworkPolicy. */
import { stringsOf, type Fact, type RelationControl } from '@driftline/policy';

const networkPolicy: Fact<true> = {
  name: 'network-policy-exists',
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  project: () => true,
};

export const namespaceIsolation: RelationControl = {
  name: 'namespace-isolation',
  reads: [],
  evaluate({ key, view, params }) {
    if (stringsOf(params['exempt']).includes(key.name)) return { verdict: 'not-applicable' };
    if (view.facts(networkPolicy, key.name).length > 0) return { verdict: 'pass' };
    return {
      verdict: 'fail',
      violations: [
        { path: '', value: '', reason: `namespace ${key.name} has no NetworkPolicy: all traffic is allowed` },
      ],
    };
  },
};
