/** Conditions of preconditions and deny rules: key, operator, value. */
import { isJsonArray, isJsonObject, type Json, jsonEqual } from '@driftline/proto';
import { z } from 'zod';
import { compareMeasures } from './operand.ts';
import { matchesScalar } from './scalar-pattern.ts';
import { compileTemplate, type Template, type TemplateData, textOf } from './template.ts';
import { matchesWildcard } from './wildcard.ts';

const operators = [
  'Equal',
  'Equals',
  'NotEqual',
  'NotEquals',
  'In',
  'AnyIn',
  'AllIn',
  'NotIn',
  'AnyNotIn',
  'AllNotIn',
  'GreaterThan',
  'GreaterThanOrEquals',
  'LessThan',
  'LessThanOrEquals',
  'DurationGreaterThan',
  'DurationGreaterThanOrEquals',
  'DurationLessThan',
  'DurationLessThanOrEquals',
] as const;

type Operator = (typeof operators)[number];

const conditionSchema = z.strictObject({
  key: z.json().optional(),
  operator: z.enum(operators),
  value: z.json().optional(),
  message: z.string().optional(),
});

const listSchema = z.array(conditionSchema);

/** A list means all of it. */
export const conditionsSchema = z.union([
  listSchema,
  z.strictObject({ any: listSchema.optional(), all: listSchema.optional() }),
]);

export type ConditionsSection = z.infer<typeof conditionsSchema>;

export type Conditions = {
  hold(from: TemplateData): boolean;
  /** Messages of the conditions that hold, where they have one. */
  messages(from: TemplateData): readonly string[];
};

type Condition = {
  readonly holds: (from: TemplateData) => boolean;
  readonly message: Template | undefined;
};

/** Throws FunctionError as compileTemplate does. */
export function compileConditions(section: ConditionsSection): Conditions {
  const { any, all } = Array.isArray(section) ? { any: undefined, all: section } : section;
  const anyOf = any?.map(compileCondition);
  const allOf = all?.map(compileCondition);
  return {
    hold: (from) =>
      (anyOf === undefined || anyOf.length === 0 || anyOf.some((one) => one.holds(from))) &&
      (allOf === undefined || allOf.every((one) => one.holds(from))),
    messages: (from) =>
      [...(anyOf ?? []), ...(allOf ?? [])].flatMap(({ holds, message }) =>
        message !== undefined && holds(from) ? [textOf(message(from))] : [],
      ),
  };
}

function compileCondition({ key = null, operator, value = null, message }: z.infer<typeof conditionSchema>): Condition {
  const keyOf = compileTemplate(key as Json);
  const valueOf = compileTemplate(value as Json);
  return {
    holds: (from) => decide(operator, keyOf(from), valueOf(from)),
    message: message === undefined ? undefined : compileTemplate(message),
  };
}

function decide(operator: Operator, key: Json, value: Json): boolean {
  switch (operator) {
    case 'Equal':
    case 'Equals':
      return key !== null && equals(key, value);
    case 'NotEqual':
    case 'NotEquals':
      return key !== null && !equals(key, value);
    case 'In':
    case 'AllIn':
      return keysOf(key)?.every((one) => isIn(one, value)) ?? false;
    case 'AnyIn':
      return keysOf(key)?.some((one) => isIn(one, value)) ?? false;
    case 'NotIn':
    case 'AllNotIn':
      return keysOf(key)?.every((one) => !isIn(one, value)) ?? false;
    case 'AnyNotIn':
      return keysOf(key)?.some((one) => !isIn(one, value)) ?? false;
    default:
      return compares(operator, key, value);
  }
}

function equals(key: Json, value: Json): boolean {
  if (isJsonArray(key) || isJsonObject(key)) return jsonEqual(key, value);
  if (typeof key === 'boolean') return key === value || String(key) === value;
  if (typeof value === 'number' || typeof value === 'string') {
    if (compareMeasures(String(key), String(value)) === 0) return true;
    return matchesWildcard(String(value), String(key));
  }
  return key === value;
}

/** The key as the texts to look for; undefined for what cannot be looked for. */
function keysOf(key: Json): readonly string[] | undefined {
  if (isJsonArray(key)) return key.map(textOf);
  return key === null || isJsonObject(key) ? undefined : [String(key)];
}

function isIn(key: string, value: Json): boolean {
  if (isJsonArray(value)) {
    return value.some((one) => {
      const text = textOf(one);
      return matchesWildcard(text, key) || matchesWildcard(key, text) || isRange(text, key);
    });
  }
  if (typeof value !== 'string') return JSON.stringify(value) === key;
  const listed = listIn(value);
  if (listed !== undefined) return isIn(key, listed);
  return matchesWildcard(value, key) || matchesWildcard(key, value) || isRange(value, key);
}

/** A list may be written as a JSON text. */
function listIn(text: string): readonly Json[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const parsed = JSON.parse(text) as Json;
    return isJsonArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isRange(range: string, key: string): boolean {
  return /^[-+]?\d[^-]*-[-+]?\d/.test(range) && matchesScalar(key, range);
}

function compares(operator: Operator, key: Json, value: Json): boolean {
  if (key === null || value === null || typeof key === 'object' || typeof value === 'object') return false;
  const order = compareMeasures(String(key), String(value));
  if (order === undefined) return false;
  switch (operator.replace('Duration', '')) {
    case 'GreaterThan':
      return order > 0;
    case 'GreaterThanOrEquals':
      return order >= 0;
    case 'LessThan':
      return order < 0;
    default:
      return order <= 0;
  }
}
