/** `validate` of a Kyverno rule, but its CEL and Pod Security forms: pattern, anyPattern, deny, foreach. */
import { isJsonArray, type Json, type JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { TrackedView } from '../../contract.ts';
import { itemPaths } from '../field-value.ts';
import { compileConditions, conditionsSchema } from './condition.ts';
import { compileQuery } from './jmespath.ts';
import { matchPattern, type Mismatch } from './pattern.ts';
import { compileContext, contextSchema } from './rule-context.ts';
import { compileTemplate } from './template.ts';

const foreachSchema = z.strictObject({
  list: z.string().min(1),
  elementScope: z.boolean().optional(),
  context: contextSchema.optional(),
  preconditions: conditionsSchema.optional(),
  pattern: z.json().optional(),
  anyPattern: z.array(z.json()).optional(),
  deny: z.strictObject({ conditions: conditionsSchema.optional() }).optional(),
});

export const validationShape = {
  pattern: z.json().optional(),
  anyPattern: z.array(z.json()).min(1).optional(),
  deny: z.strictObject({ conditions: conditionsSchema.optional() }).optional(),
  foreach: z.array(foreachSchema).min(1).optional(),
};

const validationSchema = z.strictObject(validationShape);
export type ValidationSection = z.infer<typeof validationSchema>;

export type Judged = { readonly isSkipped: boolean; readonly mismatches: readonly Mismatch[] };

/** `data` is what `{{ … }}` sees; the pattern is held against `subject`, whose place is `path`. */
export type Ground = {
  readonly data: JsonObject;
  readonly subject: Json;
  readonly path: string;
  readonly view: TrackedView;
};

export type Validation = { readonly readsCluster: boolean; judge(ground: Ground): Judged };

const skipped: Judged = { isSkipped: true, mismatches: [] };
const passed: Judged = { isSkipped: false, mismatches: [] };

/** Throws FunctionError for what is not supported. */
export function compileValidation(section: ValidationSection): Validation {
  if (section.foreach !== undefined) return compileForeach(section.foreach);
  if (section.deny !== undefined) return compileDeny(section.deny);
  if (section.anyPattern !== undefined) return compileAnyPattern(section.anyPattern as readonly Json[]);
  return compilePattern((section.pattern ?? {}) as Json);
}

function compilePattern(pattern: Json): Validation {
  const patternOf = compileTemplate(pattern);
  return {
    readsCluster: false,
    judge({ data, subject, path }) {
      const result = matchPattern(subject, patternOf({ data, isLenient: false }), path);
      if (result.kind === 'mismatch') return { isSkipped: false, mismatches: result.mismatches };
      return result.kind === 'match' ? passed : skipped;
    },
  };
}

function compileAnyPattern(patterns: readonly Json[]): Validation {
  const each = patterns.map(compilePattern);
  return {
    readsCluster: false,
    judge(ground) {
      const results = each.map((one) => one.judge(ground));
      if (results.some(({ isSkipped, mismatches }) => !isSkipped && mismatches.length === 0)) return passed;
      const failed = results.filter(({ isSkipped }) => !isSkipped);
      if (failed.length === 0) return skipped;
      const reasons = failed.map(({ mismatches }) =>
        mismatches.map(({ path, reason }) => `${path} ${reason}`).join(', '),
      );
      const reason = `meets none of the patterns: ${reasons.join(' or ')}`;
      return { isSkipped: false, mismatches: [{ path: ground.path, value: '', reason }] };
    },
  };
}

function compileDeny({ conditions }: NonNullable<ValidationSection['deny']>): Validation {
  const compiled = conditions === undefined ? undefined : compileConditions(conditions);
  return {
    readsCluster: false,
    judge({ data, path }) {
      const from = { data, isLenient: false };
      if (compiled?.hold(from) === false) return passed;
      const reason = compiled?.messages(from).join('; ') ?? '';
      return { isSkipped: false, mismatches: [{ path, value: '', reason: reason === '' ? 'is denied' : reason }] };
    },
  };
}

function compileForeach(sections: NonNullable<ValidationSection['foreach']>): Validation {
  const loops = sections.map(compileLoop);
  return {
    readsCluster: loops.some(({ readsCluster }) => readsCluster),
    judge(ground) {
      const results = loops.map((loop) => loop.judge(ground));
      return {
        isSkipped: results.every(({ isSkipped }) => isSkipped),
        mismatches: results.flatMap(({ mismatches }) => mismatches),
      };
    },
  };
}

function compileLoop(section: NonNullable<ValidationSection['foreach']>[number]): Validation {
  const { list, context = [], preconditions, elementScope, ...rest } = section;
  const query = compileQuery(list);
  const place = /^request\.object((?:\.[A-Za-z]+)+)$/.exec(list.trim())?.[1]?.slice(1);
  const names = compileContext(context);
  const condition = preconditions === undefined ? undefined : compileConditions(preconditions);
  const validation = compileValidation(rest);
  const judgeItem = (ground: Ground, item: Item): Judged => {
    const element = { element: item.value, elementIndex: item.index, element0: item.value, elementIndex0: item.index };
    const data = names.extend({ ...ground.data, ...element }, ground.view);
    if (condition?.hold({ data, isLenient: true }) === false) return skipped;
    const subject = elementScope === false ? ground.subject : item.value;
    return validation.judge({ ...ground, data, subject, path: item.path ?? ground.path });
  };
  return {
    readsCluster: names.readsCluster || validation.readsCluster,
    judge(ground) {
      const results = itemsOf(query.run(ground.data), place).map((item) => judgeItem(ground, item));
      return {
        isSkipped: results.every(({ isSkipped }) => isSkipped),
        mismatches: results.flatMap(({ mismatches }) => mismatches),
      };
    },
  };
}

type Item = { readonly value: Json; readonly index: number; readonly path: string | undefined };

/** What is null is no item, so that lists may be put together from fields that are not there. */
function itemsOf(found: Json, place: string | undefined): readonly Item[] {
  const values = (isJsonArray(found) ? found : [found]).map((value, index) => ({ value, index }));
  const paths = place === undefined || !isJsonArray(found) ? [] : itemPaths(place, found);
  return values.filter(({ value }) => value !== null).map(({ value, index }) => ({ value, index, path: paths[index] }));
}
