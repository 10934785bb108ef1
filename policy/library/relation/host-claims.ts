/** Two namespaces must not publish the same host and path: whose Ingress wins is the controller's whim. */
import { type Fact, listAt, type RelationControl, stringAt, type Violation } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';

/** In the order of the rules; each `[class, host, path]` as text. */
const claims: Fact<readonly string[]> = {
  name: 'ingress-host-claims',
  group: 'networking.k8s.io',
  kind: 'Ingress',
  reads: [
    ['spec', 'ingressClassName'],
    ['spec', 'rules'],
  ],
  project(ingress) {
    const all = claimsOf(ingress).flat();
    return all.length === 0 ? undefined : [...new Set(all)].sort();
  },
  keys: (all) => all,
};

function claimsOf(ingress: JsonObject): readonly (readonly string[])[] {
  const ingressClass = stringAt(ingress, 'spec', 'ingressClassName');
  return listAt(ingress, 'spec', 'rules').map((rule) => {
    const host = stringAt(rule, 'host');
    // Without a host it claims none in particular.
    if (host === '') return [];
    const paths = listAt(rule, 'http', 'paths').map((path) => stringAt(path, 'path') || '/');
    return (paths.length === 0 ? ['/'] : paths).map((path) => JSON.stringify([ingressClass, host, path]));
  });
}

export const hostClaims: RelationControl = {
  name: 'host-claims',
  reads: [['object', 'spec']],
  evaluate({ object, key, view }) {
    const violations = claimsOf(object).flatMap((own, index): readonly Violation[] => {
      const found = own.flatMap((claim) => view.lookup(claims, claim));
      const others = found.filter((one) => one.key.namespace !== key.namespace);
      if (others.length === 0) return [];
      const names = [...new Set(others.map((one) => `${one.key.namespace}/${one.key.name}`))].sort();
      const host = stringAt(listAt(object, 'spec', 'rules')[index], 'host');
      const reason = `${host} is published by ${names.join(', ')} too`;
      return [{ path: `spec.rules[${index}].host`, value: host, reason }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
