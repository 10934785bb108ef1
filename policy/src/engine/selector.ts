/** Label selectors as Kubernetes means them: every requirement must hold; an empty selector selects everything. */
import type { JsonObject } from '@driftline/proto';
import type { LabelSelector } from '../contract.ts';
import { compareText } from './graph.ts';

type Requirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
};

export type CompiledSelector = {
  /** Equal for selectors that mean the same by form. */
  readonly text: string;
  readonly requirements: readonly Requirement[];
  /** Labels an object must have; one of them finds the selector (or the object) in an index. */
  readonly pairs: readonly string[];
};

export function compileSelector(selector: LabelSelector): CompiledSelector {
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'In',
    values: [value],
  }));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    requirements.push({ key, operator, values: [...(values ?? [])].sort(compareText) });
  }
  requirements.sort(
    (a, b) =>
      compareText(a.key, b.key) || compareText(a.operator, b.operator) || compareText(a.values.join(), b.values.join()),
  );
  const pairs = requirements.flatMap(({ key, operator, values }) =>
    operator === 'In' && values.length === 1 ? [labelPair(key, values[0] ?? '')] : [],
  );
  return { text: JSON.stringify(requirements), requirements, pairs };
}

export function selects(selector: CompiledSelector, labels: JsonObject | undefined): boolean {
  return selector.requirements.every(({ key, operator, values }) => {
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'In':
        return typeof value === 'string' && values.includes(value);
      case 'NotIn':
        return typeof value !== 'string' || !values.includes(value);
      case 'Exists':
        return typeof value === 'string';
      case 'DoesNotExist':
        return typeof value !== 'string';
    }
  });
}

export function matchesSelector(selector: LabelSelector, labels: JsonObject | undefined): boolean {
  return selects(compileSelector(selector), labels);
}

/** Index key of one label. Neither part of a valid label holds a NUL; where one does, the selector still decides. */
export function labelPair(key: string, value: string): string {
  return `${key}\0${value}`;
}

export function labelPairs(labels: JsonObject | undefined): readonly string[] {
  if (labels === undefined) return [];
  const pairs: string[] = [];
  for (const key of Object.keys(labels)) {
    const value = labels[key];
    if (typeof value === 'string') pairs.push(labelPair(key, value));
  }
  return pairs;
}
