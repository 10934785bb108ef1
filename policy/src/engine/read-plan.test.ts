/** The plan of many readers says of each what the definition of its paths says, whoever else reads beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, isJsonArray, isJsonObject, type Json, type JsonObject, ownValue } from '@driftline/proto';
import * as fc from 'fast-check';
import { everyItem, type ReadPath, shape } from '../read-path.ts';
import { createReadPlan } from './read-plan.ts';
import { control, pass } from './test-control.ts';

const kind = { group: '', kind: 'Pod' };
const name = fc.constantFrom('a', 'b', '__proto__', 'constructor');

const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(0, 1, '', null),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 2 }),
  ),
}));
const object = fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });

const steps = fc.array(fc.oneof({ weight: 3, arbitrary: name }, fc.constant(everyItem)), { maxLength: 3 });
const path = fc.tuple(steps, fc.boolean()).map(([read, ends]): ReadPath => (ends ? [...read, shape] : read));
const reads = fc.record({ deciding: fc.array(path, { maxLength: 3 }), telling: fc.array(path, { maxLength: 2 }) });

/** What is read at the path, as text. */
function seen(at: Json | undefined, [step, ...rest]: ReadPath): string {
  if (step === undefined || at === undefined) return at === undefined ? 'nothing' : canonicalJson(at);
  if (step === shape && isJsonObject(at)) return 'an object';
  if (step === shape && isJsonArray(at)) return `a list of ${at.length}`;
  if (step === everyItem && isJsonArray(at)) return `${at.length} items: ${at.map((item) => seen(item, rest)).join()}`;
  if (typeof step === 'string' && isJsonObject(at)) return `a member: ${seen(ownValue(at, step), rest)}`;
  return `other: ${canonicalJson(at)}`;
}

const isDifferent = (before: JsonObject, after: JsonObject, paths: readonly ReadPath[]): boolean =>
  paths.some((one) => seen(before, one) !== seen(after, one));

test('a control is concerned when something it reads differs, and only then', () => {
  let [concerned, left] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(fc.record({ reads: fc.option(reads, { nil: undefined }), tells: fc.boolean() }), { maxLength: 6 }),
      object,
      object,
      (readers, before, after) => {
        const slots = readers.map((reader, position) => ({
          control: control(String(position), () => pass, { reads: () => reader.reads }),
          position,
        }));
        const found = createReadPlan(slots, (slot) => slot.control.reads?.(kind)).concerned(
          before,
          after,
          (slot) => readers[slot.position]!.tells,
        );
        for (const slot of slots) {
          const { reads, tells } = readers[slot.position]!;
          const expected =
            reads === undefined ||
            isDifferent(before, after, tells ? [...reads.deciding, ...reads.telling] : reads.deciding);
          assert.equal(found.includes(slot), expected, JSON.stringify({ before, after, at: slot.position }));
          if (expected) concerned += 1;
          else left += 1;
        }
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(concerned > 1_000 && left > 1_000, `${concerned} concerned, ${left} left`);
});
