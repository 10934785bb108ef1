/** No other workload of the namespace selects the pods of this one: two controllers would fight over them. */
import {
  type Fact,
  type FactOf,
  labelsAt,
  type LabelSelector,
  matchesSelector,
  type RelationControl,
  valueAt,
} from '@driftline/policy';
import { labelSelectorOf } from './label-selector.ts';

const selectors: readonly Fact<LabelSelector>[] = ['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => ({
  name: `${kind}-selector`,
  group: 'apps',
  kind,
  reads: [['spec', 'selector']],
  project: (workload) => labelSelectorOf(valueAt(workload, 'spec', 'selector')),
  keys: ({ matchLabels, matchExpressions }, { namespace }) => {
    const first = Object.entries(matchLabels ?? {})[0];
    if (first !== undefined) return [indexKey(namespace, ...first)];
    return (matchExpressions ?? []).length > 0 ? [indexKey(namespace, '', '')] : [];
  },
}));

const indexKey = (...parts: readonly string[]): string => JSON.stringify(parts);

export const selectorOverlap: RelationControl = {
  name: 'selector-overlap',
  reads: [['podMeta', 'labels']],
  evaluate({ key, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const labels = labelsAt(pod.meta, 'labels');
    const asked = [['', ''] as const, ...labels].map(([name, value]) => indexKey(key.namespace, name, value));
    const found = selectors.flatMap((fact) => asked.flatMap((one) => view.lookup(fact, one)));
    const own = Object.fromEntries(labels);
    const others = found.filter((other) => !isSame(other, key) && matchesSelector(other.value, own));
    if (others.length === 0) return { verdict: 'pass' };
    const names = others.map((other) => `${other.key.kind} ${other.key.name}`).sort();
    const reason = `its pods are selected by ${names.join(', ')}, too`;
    return { verdict: 'fail', violations: [{ path: `${pod.metaPath}.labels`, value: names.join(', '), reason }] };
  },
};

function isSame(other: FactOf<unknown>, { kind, name }: { readonly kind: string; readonly name: string }): boolean {
  return other.key.kind === kind && other.key.name === name;
}
