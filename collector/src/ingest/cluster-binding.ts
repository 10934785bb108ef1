/**
 * Whether an agent's Kubernetes cluster is the one that its credential's cluster name stands for. The name stands for
 * what the operator declared, else for what was bound before, else for the first cluster that comes.
 */
import type { Hello } from '@driftline/proto';
import type { ClusterBinding, NewBinding } from '../timeline/bindings/cluster-bindings.ts';
import type { ClusterId } from '../timeline/timeline.ts';
import type { Refusal } from './refusal.ts';

export type BindingVerdict =
  | { readonly type: 'bound' }
  /** It is, once this is recorded. */
  | { readonly type: 'bind'; readonly cause: NewBinding['cause'] }
  | { readonly type: 'refused'; readonly refusal: Refusal };

/** What is recorded and what is declared of a cluster; undefined: nothing. */
export type KnownBinding = { readonly recorded: ClusterBinding | undefined; readonly declaredUid: string | undefined };

export const judgeBinding = (
  { tenant, cluster }: ClusterId,
  { recorded, declaredUid }: KnownBinding,
  { clusterUid }: Hello,
): BindingVerdict => {
  const expected = declaredUid ?? recorded?.clusterUid;
  // An agent that may not read the uid cannot be told from one in another cluster; only a name without one may go on so.
  if (expected === undefined) return clusterUid === '' ? { type: 'bound' } : { type: 'bind', cause: 'first-seen' };
  if (clusterUid === expected)
    return recorded?.clusterUid === expected ? { type: 'bound' } : { type: 'bind', cause: 'declared' };
  const code = 'cluster-mismatch';
  if (clusterUid === '') {
    const message = `the agent does not say which cluster it is in, and ${cluster} stands for a certain one`;
    const advice = 'let the agent get the namespace kube-system, then restart it';
    return { type: 'refused', refusal: { code, message, advice } };
  }
  const entry = JSON.stringify({ tenant, cluster, uid: clusterUid });
  const advice =
    `the name stands for the cluster with uid ${expected}, the agent is in ${clusterUid}: give the agent a name and a ` +
    `token of its own, or, if this cluster was rebuilt and takes the name over, put ${entry} under "clusters" in the tokens file`;
  const message = `the name ${cluster} stands for another Kubernetes cluster than the one this agent is in`;
  return { type: 'refused', refusal: { code, message, advice } };
};
