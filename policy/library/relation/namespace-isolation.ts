/** A namespace has at least one NetworkPolicy, or Cilium has one for it. */
import { type Fact, type RelationControl, stringsOf } from '@driftline/policy';
import { hasCiliumPolicy, restrictsNamespace } from './cilium-policies.ts';

const networkPolicy: Fact<true> = {
  name: 'network-policy-exists',
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  reads: [],
  project: () => true,
};

export const namespaceIsolation: RelationControl = {
  name: 'namespace-isolation',
  reads: [],
  evaluate({ key, view, params }) {
    if (stringsOf(params['exempt']).includes(key.name)) return { verdict: 'not-applicable' };
    if (view.facts(networkPolicy, key.name).length > 0) return { verdict: 'pass' };
    if (hasCiliumPolicy(key.name, view)) return { verdict: 'pass' };
    if (restrictsNamespace(key.name, 'ingress', view) || restrictsNamespace(key.name, 'egress', view))
      return { verdict: 'pass' };
    return {
      verdict: 'fail',
      violations: [
        { path: '', value: '', reason: `namespace ${key.name} has no NetworkPolicy: all traffic is allowed` },
      ],
    };
  },
};
