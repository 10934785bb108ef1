/** Policies of the cluster's administrators, which stand before (AdminNetworkPolicy) and behind NetworkPolicies (baseline). */
import {
  type Fact,
  type LabelSelector,
  labelsAt,
  listAt,
  matchesSelector,
  objectAt,
  stringAt,
  stringsOf,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { labelSelectorOf } from './label-selector.ts';
import type { Direction } from './network-policies.ts';

type Action = 'Allow' | 'Deny' | 'Pass';

/** Of peers by labels. pods undefined: all of the namespaces'. */
type Labelled = { readonly namespaces: LabelSelector; readonly pods: LabelSelector | undefined };

export type AdminRule = {
  readonly action: Action;
  readonly peers: readonly Labelled[];
  readonly networks: readonly string[];
  readonly hasPorts: boolean;
};

type AdminPolicy = {
  readonly priority: number;
  readonly subject: Labelled;
  readonly ingress: readonly AdminRule[];
  readonly egress: readonly AdminRule[];
};

const policiesOf = (kind: string): Fact<AdminPolicy> => ({
  name: `${kind}-rules`,
  group: 'policy.networking.k8s.io',
  kind,
  reads: [['spec']],
  project(policy) {
    const spec = objectAt(policy, 'spec');
    const subject = labelledOf(valueAt(spec, 'subject'));
    if (spec === undefined || subject === undefined) return undefined;
    const priority = valueAt(spec, 'priority');
    return {
      priority: typeof priority === 'number' ? priority : 0,
      subject,
      ingress: rulesOf(spec, 'ingress', 'from'),
      egress: rulesOf(spec, 'egress', 'to'),
    };
  },
});

const ofAdmins = policiesOf('AdminNetworkPolicy');
const baseline = policiesOf('BaselineAdminNetworkPolicy');

const namespaceLabels: Fact<Readonly<Record<string, string>>> = {
  name: 'namespace-labels',
  group: '',
  kind: 'Namespace',
  reads: [['metadata', 'labels']],
  project: (namespace) => Object.fromEntries(labelsAt(namespace, 'metadata', 'labels')),
};

function labelledOf(peer: Json | undefined): Labelled | undefined {
  if (objectAt(peer, 'namespaces') !== undefined)
    return { namespaces: labelSelectorOf(valueAt(peer, 'namespaces')), pods: undefined };
  const pods = objectAt(peer, 'pods');
  if (pods === undefined) return undefined;
  return { namespaces: labelSelectorOf(pods['namespaceSelector']), pods: labelSelectorOf(pods['podSelector']) };
}

function rulesOf(spec: JsonObject, direction: Direction, side: 'from' | 'to'): readonly AdminRule[] {
  return listAt(spec, direction).flatMap((rule) => {
    const action = stringAt(rule, 'action');
    if (action !== 'Allow' && action !== 'Deny' && action !== 'Pass') return [];
    const peers = listAt(rule, side);
    return [
      {
        action,
        peers: peers.map(labelledOf).filter((peer) => peer !== undefined),
        networks: peers.flatMap((peer) => stringsOf(valueAt(peer, 'networks'))),
        hasPorts: listAt(rule, 'ports').length > 0,
      },
    ];
  });
}

export type Selected = {
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly direction: Direction;
};

/**
 * What the first rule that `concerns` says of the pod's traffic. A Deny of some ports only is passed over: the rest comes
 * through. Where these kinds cannot be seen it is as if there were none: most clusters do not have them.
 */
export function adminAction(
  tier: 'before' | 'behind',
  pod: Selected,
  concerns: (rule: AdminRule) => boolean,
  view: TrackedView,
): Action | undefined {
  const fact = tier === 'before' ? ofAdmins : baseline;
  if (!view.covers(fact)) return undefined;
  const policies = [...view.facts(fact)].sort((a, b) => a.value.priority - b.value.priority);
  const selecting = policies.filter(({ value }) => selects(value.subject, pod, view));
  const rules = selecting.flatMap(({ value }) => value[pod.direction]);
  return rules.find((rule) => concerns(rule) && !(rule.action !== 'Allow' && rule.hasPorts))?.action;
}

function selects({ namespaces, pods }: Labelled, { namespace, labels }: Selected, view: TrackedView): boolean {
  const found = view.covers(namespaceLabels)
    ? view.fact(namespaceLabels, { group: '', kind: 'Namespace', namespace: '', name: namespace })
    : undefined;
  const ofNamespace = { 'kubernetes.io/metadata.name': namespace, ...found };
  const isPod = pods === undefined || matchesSelector(pods, Object.fromEntries(labels));
  return matchesSelector(namespaces, ofNamespace) && isPod;
}
