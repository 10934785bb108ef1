/** A label selector out of JSON of unknown shape. */
import { type LabelSelector, labelsAt, listAt, stringAt, stringsOf, valueAt } from '@driftline/policy';
import type { Json } from '@driftline/proto';

type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';

const operators: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'] satisfies readonly Operator[];

/** Requirements that are none are left out: the API server refuses them. */
export function labelSelectorOf(selector: Json | undefined): LabelSelector {
  const expressions = listAt(selector, 'matchExpressions').map((one) => ({
    key: stringAt(one, 'key'),
    operator: stringAt(one, 'operator') as Operator,
    values: stringsOf(valueAt(one, 'values')),
  }));
  return {
    matchLabels: Object.fromEntries(labelsAt(selector, 'matchLabels')),
    matchExpressions: expressions.filter(({ operator }) => operators.includes(operator)),
  };
}

/** Selects everything. */
export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}
