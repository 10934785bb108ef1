/**
 * What an expression does not read may change as it likes: random expressions over random objects, edited at random.
 * When the plan says that an edit concerns nobody, the value, the error and even the cost are the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import { compileCel, dynType, toJson } from '../../cel/index.ts';
import { createReadPlan } from '../read-plan.ts';
import { control } from '../test-control.ts';

const kind = { group: '', kind: 'Pod' };
const field = fc.constantFrom('a', 'b', 'c');

/** Texts of expressions; `names` are in scope. Most are about paths, since those are what is to be found. */
function expression(names: readonly string[], depth: number): fc.Arbitrary<string> {
  const name = fc.constantFrom(...names);
  if (depth === 0)
    return fc.oneof(
      { weight: 6, arbitrary: fc.tuple(name, field).map(([root, key]) => `${root}.${key}`) },
      { weight: 2, arbitrary: name },
      { weight: 2, arbitrary: fc.constantFrom('1', '"a"', 'true', '["a", "b"]', '{"a": 1}', '[]') },
    );
  const inner = expression(names, depth - 1);
  const local = `v${depth}`;
  const body = expression([...names, local, local, local], depth - 1);
  const question = condition([...names, local, local], depth - 1);
  const body2 = expression([...names, local, `k${depth}`], depth - 1);
  const macro = fc.constantFrom('all', 'exists', 'exists_one', 'filter', 'filter');
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(inner, field).map(([a, key]) => `${a}.${key}`) },
    { weight: 2, arbitrary: fc.tuple(inner, field).map(([a, key]) => `${a}.?${key}`) },
    { weight: 2, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `${a}[${b}]`) },
    { weight: 1, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `${a}[?${b}]`) },
    { weight: 2, arbitrary: fc.tuple(inner, fc.constantFrom('0', '1', '"a"')).map(([a, b]) => `${a}[${b}]`) },
    { weight: 2, arbitrary: fc.tuple(inner, field).map(([a, key]) => `has(${a}.${key})`) },
    { weight: 4, arbitrary: fc.tuple(inner, macro, question).map(([a, name, b]) => `${a}.${name}(${local}, ${b})`) },
    { weight: 2, arbitrary: fc.tuple(inner, body).map(([a, b]) => `${a}.map(${local}, ${b})`) },
    { weight: 2, arbitrary: fc.tuple(inner, field, field).map(([a, b, c]) => `${a}[object.${b}].${c}`) },
    { weight: 2, arbitrary: fc.tuple(inner, body2).map(([a, b]) => `${a}.all(k${depth}, ${local}, ${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, body2).map(([a, b]) => `${a}.transformMap(k${depth}, ${local}, ${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, question, body).map(([a, b, c]) => `${a}.map(${local}, ${b}, ${c})`) },
    { weight: 1, arbitrary: fc.tuple(inner, body).map(([a, b]) => `cel.bind(${local}, ${a}, ${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, field, body).map(([a, key, b]) => `${a}.?${key}.optMap(${local}, ${b})`) },
    { weight: 2, arbitrary: fc.tuple(inner, field, inner).map(([a, key, b]) => `${a}.?${key}.orValue(${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `(${a} == ${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `(${a} in ${b})`) },
    { weight: 1, arbitrary: fc.tuple(inner, inner, inner).map(([a, b, c]) => `(has(${a}.a) ? ${b} : ${c})`) },
    { weight: 1, arbitrary: inner.map((a) => `size(${a})`) },
  );
}

/** Gives a bool, mostly. */
function condition(names: readonly string[], depth: number): fc.Arbitrary<string> {
  const inner = expression(names, depth);
  return fc.oneof(
    fc.constant('true'),
    fc.tuple(inner, field).map(([a, key]) => `has(${a}.${key})`),
    fc.tuple(inner, inner).map(([a, b]) => `${a} == ${b}`),
    fc.tuple(inner, field, inner).map(([a, key, b]) => `${a}.?${key}.hasValue() && ${b} != 1`),
  );
}

const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', maxDepth: 5 },
    fc.constantFrom<Json>(1, 2, 'a', 'b', true, null),
    fc.dictionary(field, tie('value'), { maxKeys: 3 }).map((value) => ({ ...value })),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value;
const entries = fc.dictionary(field, json, { minKeys: 1, maxKeys: 3 }).map((value) => ({ ...value }));
const items = fc.array(entries, { minLength: 1, maxLength: 3 });
const object = fc
  .record({ a: fc.oneof(items, json), b: fc.oneof(entries, json), c: fc.oneof(field, json) })
  .map((value) => value as JsonObject);

/** Replaces what `choices` lead to. */
function edited(value: Json, [choice = 0, ...rest]: readonly number[], replacement: Json | undefined): Json {
  if (typeof value !== 'object' || value === null || rest.length === 0) return replacement ?? value;
  const keys = Object.keys(value);
  const key = keys[choice % Math.max(keys.length, 1)];
  if (key === undefined) return replacement ?? value;
  const next = edited((value as Record<string, Json>)[key]!, rest, replacement);
  if (Array.isArray(value)) return value.map((item: Json, index) => (String(index) === key ? next : item));
  if (replacement !== undefined || rest.length > 1) return { ...(value as JsonObject), [key]: next };
  return Object.fromEntries(Object.entries(value).filter(([other]) => other !== key));
}

test('an edit that concerns nobody changes neither value nor error nor cost', () => {
  let skipped = 0;
  let differed = 0;
  const edit = fc.tuple(fc.array(fc.nat(5), { minLength: 2, maxLength: 6 }), fc.option(json, { nil: undefined }));
  const sources = fc.integer({ min: 1, max: 4 }).chain((depth) => expression(['object', 'object', 'object'], depth));
  fc.assert(
    fc.property(sources, object, fc.array(edit, { minLength: 1, maxLength: 8 }), (source, before, edits) => {
      const compiled = compileCel(source, { variables: { object: dynType } });
      if (!compiled.ok) return;
      const { program } = compiled;
      const deciding = program.reads.paths.filter(([root]) => root === 'object').map(([, ...rest]) => rest);
      const reader = control('A', () => ({ verdict: 'pass' }), { reads: () => ({ deciding, telling: [] }) });
      const plan = createReadPlan([{ control: reader, position: 0 }], ({ control }) => control.reads?.(kind));
      const answer = (of: JsonObject) => {
        const result = program.evaluate({ object: of });
        return result.ok
          ? { value: toJson(result.value), cost: result.cost }
          : { ...result, error: `${result.error.code}: ${result.error.message}` };
      };
      for (const [choices, replacement] of edits) {
        const after = JSON.parse(JSON.stringify(edited(before, choices, replacement))) as JsonObject;
        const isConcerned = plan.concerned(before, after, () => true).length > 0;
        const [old, next] = [answer(before), answer(after)];
        if (isConcerned) {
          if (JSON.stringify(old) !== JSON.stringify(next)) differed += 1;
          continue;
        }
        skipped += 1;
        assert.deepEqual(next, old, `${source} over ${JSON.stringify(before)} and ${JSON.stringify(after)}`);
      }
    }),
    { numRuns: 6_000 },
  );
  assert.ok(skipped > 1_000 && differed > 500, `${skipped} skipped, ${differed} differed`);
});
