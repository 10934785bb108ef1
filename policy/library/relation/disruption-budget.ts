/** A workload of several replicas has a PodDisruptionBudget. */
import {
  type Fact,
  labelsAt,
  type LabelSelector,
  matchesSelector,
  type RelationControl,
  valueAt,
} from '@driftline/policy';
import { labelSelectorOf } from './label-selector.ts';

const budgets: Fact<LabelSelector> = {
  name: 'disruption-budget',
  group: 'policy',
  kind: 'PodDisruptionBudget',
  reads: [['spec', 'selector']],
  project: (budget) => labelSelectorOf(valueAt(budget, 'spec', 'selector')),
};

export const disruptionBudget: RelationControl = {
  name: 'disruption-budget',
  reads: [
    ['object', 'spec', 'replicas'],
    ['podMeta', 'labels'],
  ],
  evaluate({ object, key, view, pod }) {
    const replicas = valueAt(object, 'spec', 'replicas');
    if (pod === undefined || typeof replicas !== 'number' || replicas < 2) return { verdict: 'not-applicable' };
    const labels = Object.fromEntries(labelsAt(pod.meta, 'labels'));
    if (view.facts(budgets, key.namespace).some(({ value }) => matchesSelector(value, labels)))
      return { verdict: 'pass' };
    const reason = `no PodDisruptionBudget selects it: a drain may evict all ${replicas} replicas at once`;
    return { verdict: 'fail', violations: [{ path: '', value: '', reason }] };
  },
};
