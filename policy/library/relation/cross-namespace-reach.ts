/**
 * Whether pods of every namespace reach a workload, by the policies that hold for it: those of the administrators first,
 * then NetworkPolicies, then the baseline.
 */
import { labelsAt, type RelationControl, valueAt } from '@driftline/policy';
import { type AdminRule, adminAction } from './admin-network-policies.ts';
import { isEmptySelector } from './label-selector.ts';
import { type Passage, passagesOf } from './network-policies.ts';

export const crossNamespaceReach: RelationControl = {
  name: 'cross-namespace-reach',
  reads: [
    ['podSpec', 'hostNetwork'],
    ['podMeta', 'labels'],
  ],
  evaluate({ key: { namespace }, view, pod }) {
    // Policies do not hold for pods on the network of the node, which is a finding of its own.
    if (pod === undefined || valueAt(pod.spec, 'hostNetwork') === true) return { verdict: 'not-applicable' };
    const labels = labelsAt(pod.meta, 'labels');
    const passages = passagesOf(namespace, labels, 'ingress', view);
    const selected = { namespace, labels, direction: 'ingress' } as const;
    const fail = (reason: string) =>
      ({ verdict: 'fail', violations: [{ path: `${pod.metaPath}.labels`, value: '', reason }] }) as const;
    const before = adminAction('before', selected, isFromEverywhere, view);
    if (before === 'Deny') return { verdict: 'pass' };
    if (before === 'Allow') return fail('an AdminNetworkPolicy lets every namespace in');
    if (passages !== undefined)
      return passages.some(isOpen) ? fail('its NetworkPolicies let every namespace in') : { verdict: 'pass' };
    const behind = adminAction('behind', selected, isFromEverywhere, view);
    return behind === 'Deny' ? { verdict: 'pass' } : fail('no policy selects it: pods of every namespace reach it');
  },
};

function isFromEverywhere({ peers }: AdminRule): boolean {
  return peers.some(({ namespaces, pods }) => pods === undefined && isEmptySelector(namespaces));
}

/** Whoever creates pods chooses their labels: a selector of pods in all namespaces keeps nobody out. */
function isOpen({ peers }: Passage): boolean {
  if (peers === undefined) return true;
  return peers.some((peer) =>
    'cidr' in peer
      ? ['0.0.0.0/0', '::/0'].includes(peer.cidr)
      : peer.namespaces !== undefined && isEmptySelector(peer.namespaces),
  );
}
