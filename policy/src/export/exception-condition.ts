/**
 * An exception as a match condition: what it covers is not asked. There is one rule of expiry, and CEL has no clock; but
 * the API server sets `creationTimestamp` before it asks, so that a creation after the end is asked again, to the second.
 * For an update nothing tells the time: those are let through until the policy is exported again.
 */
import { formatTimestampUs } from '@driftline/proto';
import type { Exception } from '../exception/exception.ts';
import { allOf, anyOf, celString, celStrings, isOneOf } from './cel-text.ts';

/** What an exception says of single findings cannot be said of a request. */
export function isExpressible({ scope }: Exception): boolean {
  return scope.paths === undefined;
}

export function exceptionCondition({ scope, expiresMs }: Exception): string {
  const { namespaces, objects, selector } = scope;
  const about = [
    ...(namespaces === undefined
      ? []
      : [allOf(['has(object.metadata.namespace)', isOneOf('object.metadata.namespace', namespaces)])]),
    ...(objects === undefined ? [] : [anyOf(objects.map(objectCondition))]),
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => labelIn(key, [value])),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      if (operator === 'In') return labelIn(key, values);
      if (operator === 'NotIn') return `!(${labelIn(key, values)})`;
      return operator === 'Exists' ? hasLabel(key) : `!(${hasLabel(key)})`;
    }),
  ];
  const end = `request.operation == "CREATE" && has(object.metadata.creationTimestamp) && timestamp(object.metadata.creationTimestamp) >= timestamp(${celString(formatTimestampUs(expiresMs * 1_000))})`;
  return about.length === 0 ? end : `!(${allOf(about)}) || (${end})`;
}

function objectCondition({ group, kind, name }: NonNullable<Exception['scope']['objects']>[number]): string {
  const ofGroup =
    group === '' ? '!object.apiVersion.contains("/")' : `object.apiVersion.startsWith(${celString(`${group}/`)})`;
  const named = name === undefined ? [] : ['has(object.metadata.name)', isOneOf('object.metadata.name', [name])];
  return allOf([ofGroup, `object.kind == ${celString(kind)}`, ...named]);
}

function hasLabel(key: string): string {
  return `has(object.metadata.labels) && ${celString(key)} in object.metadata.labels`;
}

function labelIn(key: string, values: readonly string[]): string {
  return `${hasLabel(key)} && object.metadata.labels[${celString(key)}] in ${celStrings(values)}`;
}
