/** A namespace restricts a direction (`params.direction`) for all its pods: what is not named is refused. */
import { type RelationControl, stringsOf } from '@driftline/policy';
import { adminAction } from './admin-network-policies.ts';
import { restrictsNamespace } from './cilium-policies.ts';
import { isEmptySelector } from './label-selector.ts';
import { networkPolicies } from './network-policies.ts';

export const defaultDeny: RelationControl = {
  name: 'default-deny',
  reads: [],
  evaluate({ key, view, params }) {
    if (stringsOf(params['exempt']).includes(key.name)) return { verdict: 'not-applicable' };
    const direction = params['direction'] === 'egress' ? 'egress' : 'ingress';
    const isClosed = view.facts(networkPolicies, key.name).some(({ value }) => {
      const passages = value[direction];
      return (
        isEmptySelector(value.selector) && passages !== undefined && passages.every(({ peers }) => peers !== undefined)
      );
    });
    if (isClosed || restrictsNamespace(key.name, direction, view)) return { verdict: 'pass' };
    const pod = { namespace: key.name, labels: new Map<string, string>(), direction } as const;
    const toAll = (rule: Parameters<Parameters<typeof adminAction>[2]>[0]) =>
      rule.peers.some(({ namespaces, pods }) => pods === undefined && isEmptySelector(namespaces));
    if (adminAction('behind', pod, toAll, view) === 'Deny') return { verdict: 'pass' };
    const reason = `no policy selects all pods of ${key.name} for ${direction}: a pod that nobody thought of is open`;
    return { verdict: 'fail', violations: [{ path: '', value: '', reason }] };
  },
};
