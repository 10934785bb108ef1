/** NetworkPolicies as facts: whom they select, and what they let through in each direction. */
import {
  type Fact,
  type LabelSelector,
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

export type Direction = 'ingress' | 'egress';

export type Peer =
  | { readonly cidr: string; readonly except: readonly string[] }
  /** namespaces undefined: the policy's own; pods undefined: all of them. */
  | { readonly namespaces: LabelSelector | undefined; readonly pods: LabelSelector | undefined };

/** peers undefined: everybody. ports: ranges of numbers; undefined: all. A port by name is in no range. */
export type Passage = {
  readonly peers: readonly Peer[] | undefined;
  readonly ports: readonly (readonly [from: number, to: number])[] | undefined;
};

/** A direction that is undefined is not restricted by the policy. */
type Restriction = {
  readonly selector: LabelSelector;
  readonly ingress: readonly Passage[] | undefined;
  readonly egress: readonly Passage[] | undefined;
};

export const networkPolicies: Fact<Restriction> = {
  name: 'network-policy-restriction',
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  reads: [['spec']],
  project(policy) {
    const spec = objectAt(policy, 'spec');
    if (spec === undefined) return undefined;
    const types = stringsOf(valueAt(spec, 'policyTypes'));
    const isEgress = types.length === 0 ? listAt(spec, 'egress').length > 0 : types.includes('Egress');
    return {
      selector: labelSelectorOf(valueAt(spec, 'podSelector')),
      ingress: types.length === 0 || types.includes('Ingress') ? passages(spec, 'ingress', 'from') : undefined,
      egress: isEgress ? passages(spec, 'egress', 'to') : undefined,
    };
  },
};

function passages(spec: JsonObject, direction: Direction, side: 'from' | 'to'): readonly Passage[] {
  return listAt(spec, direction).map((rule) => {
    const peers = listAt(rule, side);
    const ports = listAt(rule, 'ports');
    return {
      peers: peers.length === 0 ? undefined : peers.map(peerOf),
      ports: ports.length === 0 ? undefined : ports.flatMap(rangeOf),
    };
  });
}

function peerOf(peer: Json): Peer {
  const block = objectAt(peer, 'ipBlock');
  if (block !== undefined) return { cidr: stringAt(block, 'cidr'), except: stringsOf(valueAt(block, 'except')) };
  const selector = (name: string) =>
    objectAt(peer, name) === undefined ? undefined : labelSelectorOf(valueAt(peer, name));
  return { namespaces: selector('namespaceSelector'), pods: selector('podSelector') };
}

function rangeOf(entry: Json): readonly (readonly [number, number])[] {
  const port = valueAt(entry, 'port');
  const end = valueAt(entry, 'endPort');
  if (port === undefined || port === null) return [[0, 65_535]];
  return typeof port === 'number' ? [[port, typeof end === 'number' ? end : port]] : [];
}

/** What the policies that select the pod let through; undefined: none of them restricts the direction. */
export function passagesOf(
  namespace: string,
  labels: ReadonlyMap<string, string>,
  direction: Direction,
  view: TrackedView,
): readonly Passage[] | undefined {
  const pod = Object.fromEntries(labels);
  const restricting = view
    .facts(networkPolicies, namespace)
    .filter(({ value }) => value[direction] !== undefined && matchesSelector(value.selector, pod));
  return restricting.length === 0 ? undefined : restricting.flatMap(({ value }) => value[direction] ?? []);
}
