/** Something verifies signatures of images at admission. Judged at the namespace kube-system, which every cluster has. */
import { type Fact, listAt, type RelationControl, valueAt } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';

const whole = (group: string, kind: string): Fact<true> => ({
  name: `${kind}-verifies-images`,
  group,
  kind,
  reads: [],
  project: () => true,
});

const kyverno = (kind: string): Fact<true> => ({
  name: `kyverno-${kind}-verifies-images`,
  group: 'kyverno.io',
  kind,
  reads: [['spec', 'rules']],
  project: (policy: JsonObject) =>
    listAt(policy, 'spec', 'rules').some((rule) => valueAt(rule, 'verifyImages') !== undefined) ? true : undefined,
});

const verifiers: readonly Fact<true>[] = [
  kyverno('ClusterPolicy'),
  whole('policies.kyverno.io', 'ImageValidatingPolicy'),
  whole('policy.sigstore.dev', 'ClusterImagePolicy'),
  whole('config.ratify.deislabs.io', 'Verifier'),
];

export const imageSignatures: RelationControl = {
  name: 'image-signatures',
  reads: [],
  evaluate({ key, view }) {
    if (key.name !== 'kube-system') return { verdict: 'not-applicable' };
    if (verifiers.some((fact) => view.facts(fact).length > 0)) return { verdict: 'pass' };
    const reason = 'no policy of Kyverno, Sigstore or Ratify verifies who signed an image';
    return { verdict: 'fail', violations: [{ path: '', value: '', reason }] };
  },
};
