/**
 * The pods of a workload are selected by some network policy, of Kubernetes or of Cilium, in some direction: without one
 * they are open to everybody and may reach everything.
 */
import { labelsAt, type RelationControl, stringsOf, type TrackedView, valueAt } from '@driftline/policy';
import { adminAction } from './admin-network-policies.ts';
import { restrictsPods } from './cilium-policies.ts';
import { isEmptySelector } from './label-selector.ts';
import { passagesOf } from './network-policies.ts';

export const workloadIsolation: RelationControl = {
  name: 'workload-isolation',
  reads: [
    ['podMeta', 'labels'],
    ['podSpec', 'hostNetwork'],
  ],
  evaluate({ key, view, params, pod }) {
    if (pod === undefined || stringsOf(params['exempt']).includes(key.namespace)) return { verdict: 'not-applicable' };
    // On the network of the node no policy holds.
    if (valueAt(pod.spec, 'hostNetwork') === true) return { verdict: 'not-applicable' };
    const labels = labelsAt(pod.meta, 'labels');
    if (isSelected(key.namespace, labels, view)) return { verdict: 'pass' };
    const reason = 'no NetworkPolicy selects its pods: everybody may reach them, and they may reach everything';
    return { verdict: 'fail', violations: [{ path: `${pod.metaPath}.labels`, value: '', reason }] };
  },
};

function isSelected(namespace: string, labels: ReadonlyMap<string, string>, view: TrackedView): boolean {
  const directions = ['ingress', 'egress'] as const;
  if (directions.some((direction) => passagesOf(namespace, labels, direction, view) !== undefined)) return true;
  if (restrictsPods(namespace, labels, view)) return true;
  return directions.some((direction) => {
    const toAll = (rule: Parameters<Parameters<typeof adminAction>[2]>[0]) =>
      rule.peers.some(({ namespaces, pods }) => pods === undefined && isEmptySelector(namespaces));
    return adminAction('behind', { namespace, labels, direction }, toAll, view) === 'Deny';
  });
}
