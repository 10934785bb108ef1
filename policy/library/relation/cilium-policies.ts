/**
 * Policies of Cilium as facts: whom each part selects, and which directions it restricts for them. What they let
 * through is not read: a part whose rules name the entity `all` restricts nothing.
 */
import {
  type Fact,
  type LabelSelector,
  listAt,
  matchesSelector,
  objectAt,
  stringsOf,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { labelSelectorOf } from './label-selector.ts';
import type { Direction } from './network-policies.ts';

type Part = { readonly selector: LabelSelector; readonly restricts: readonly Direction[] };

/** How Cilium names the namespace of a pod among its labels. */
const namespaceLabel = 'io.kubernetes.pod.namespace';

const partsOf = (kind: string): Fact<readonly Part[]> => ({
  name: `${kind}-parts`,
  group: 'cilium.io',
  kind,
  project(policy) {
    const parts = [valueAt(policy, 'spec'), ...listAt(policy, 'specs')].flatMap(partOf);
    return parts.length === 0 ? undefined : parts;
  },
});

const namespaced = partsOf('CiliumNetworkPolicy');
const clusterwide = partsOf('CiliumClusterwideNetworkPolicy');

/** Without `endpointSelector` it is about nodes. */
function partOf(spec: Json | undefined): readonly Part[] {
  const selector = objectAt(spec, 'endpointSelector');
  if (selector === undefined) return [];
  const restricts = (['ingress', 'egress'] as const).filter((direction) => restrictsDirection(spec, direction));
  return restricts.length === 0 ? [] : [{ selector: withoutSources(labelSelectorOf(selector)), restricts }];
}

/** An empty list has no effect; a list of an empty rule refuses everything. */
function restrictsDirection(spec: Json | undefined, direction: Direction): boolean {
  if (valueAt(spec, 'enableDefaultDeny', direction) === false) return false;
  const rules = listAt(spec, direction);
  const entities = direction === 'ingress' ? 'fromEntities' : 'toEntities';
  const isOpen = rules.some((rule) => stringsOf(valueAt(rule, entities)).includes('all'));
  return !isOpen && rules.length + listAt(spec, `${direction}Deny`).length > 0;
}

/** Keys of labels may say where the label comes from: `k8s:app`. */
function withoutSources({ matchLabels, matchExpressions }: LabelSelector): LabelSelector {
  const bare = (key: string) => key.replace(/^(k8s|any)[:.]/, '');
  return {
    matchLabels: Object.fromEntries(Object.entries(matchLabels ?? {}).map(([key, value]) => [bare(key), value])),
    matchExpressions: (matchExpressions ?? []).map((one) => ({ ...one, key: bare(one.key) })),
  };
}

/** Whether a policy of Cilium is in force for every pod of the namespace, whatever its labels, in the direction. */
export function restrictsNamespace(namespace: string, direction: Direction, view: TrackedView): boolean {
  return selecting(namespace, view).some(({ selector, restricts }) => {
    const { [namespaceLabel]: own, ...others } = selector.matchLabels ?? {};
    const isForAll = Object.keys(others).length === 0 && (selector.matchExpressions ?? []).length === 0;
    return isForAll && (own === undefined || own === namespace) && restricts.includes(direction);
  });
}

/** Whether a policy of Cilium restricts a direction for pods with these labels. */
export function restrictsPods(namespace: string, labels: ReadonlyMap<string, string>, view: TrackedView): boolean {
  const pod: JsonObject = { ...Object.fromEntries(labels), [namespaceLabel]: namespace };
  return selecting(namespace, view).some(({ selector }) => matchesSelector(selector, pod as Record<string, string>));
}

/** Whether the namespace has a policy of Cilium of its own. */
export function hasCiliumPolicy(namespace: string, view: TrackedView): boolean {
  return view.covers(namespaced) && view.facts(namespaced, namespace).length > 0;
}

/** Where policies of Cilium cannot be seen there are none: most clusters, and most folders of manifests, have none. */
function selecting(namespace: string, view: TrackedView): readonly Part[] {
  const own = view.covers(namespaced) ? view.facts(namespaced, namespace) : [];
  const all = view.covers(clusterwide) ? view.facts(clusterwide) : [];
  return [...own, ...all].flatMap(({ value }) => value);
}
