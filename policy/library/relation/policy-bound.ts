/** A ValidatingAdmissionPolicy has a binding: without one it is never asked. */
import { type Fact, type RelationControl, stringAt } from '@driftline/policy';

const bindings: Fact<string> = {
  name: 'admission-policy-binding',
  group: 'admissionregistration.k8s.io',
  kind: 'ValidatingAdmissionPolicyBinding',
  project: (binding) => stringAt(binding, 'spec', 'policyName') || undefined,
  keys: (policy) => [policy],
};

export const policyBound: RelationControl = {
  name: 'policy-bound',
  reads: [],
  evaluate({ key, view }) {
    if (view.lookup(bindings, key.name).length > 0) return { verdict: 'pass' };
    return { verdict: 'fail', violations: [{ path: '', value: '', reason: 'nothing binds it: it is never asked' }] };
  },
};
