/**
 * Law 5 where it is easiest to break: an engine that judges only the controls which read what changed, against one that
 * sees everything for the first time. Every object of the library's cases is edited at single places, one after the other.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import { readLibrary } from '../../../library/read-library.ts';
import type { CompiledControl, ObjectChange } from '../../contract.ts';
import { objectKeyOf } from '../../language/read-json.ts';
import { createEngine, type Engine } from '../engine.ts';
import { compareKeys } from '../graph.ts';
import { createMemoryObjectStore } from '../object-store.ts';
import { admissionControls, celControls, failingObjects } from './cel-controls.ts';
import { oracleControls } from './controls.ts';
import { type Edit, type Place, placesOf, Pool, withValue } from './edit-world.ts';

const nowMs = 1_893_456_000_000;
/** Random histories; more of them find more. */
const runs = Number(process.env['DRIFTLINE_TEST_HISTORIES'] ?? 15);
/** Places that are edited, spread over all objects; the library and its cases grow, the time for them does not. */
const mostPlaces = runs > 15 ? Number.POSITIVE_INFINITY : 1_000;
let controls: readonly CompiledControl[];
let objects: readonly JsonObject[];
let pool: Pool;

before(async () => {
  const loaded = await readLibrary();
  assert.ok(loaded.ok, JSON.stringify(loaded));
  controls = [
    ...loaded.bundle.controls.map(({ control }) => control),
    ...celControls,
    ...admissionControls(),
    ...oracleControls,
  ];
  const cases = loaded.bundle.controls.flatMap((one) => one.cases().flatMap(({ objects }) => objects as JsonObject[]));
  objects = [...new Map([...failingObjects, ...cases].map((object) => [canonicalJson(object), object])).values()];
  pool = new Pool(objects);
});

const stateOf = (engine: Engine) => ({
  findings: engine.findings(),
  unanswered: engine.unanswered(),
  score: engine.score(),
});

const upsert = (after: JsonObject, uid = '1'): ObjectChange => ({ key: objectKeyOf(after), uid, after });

/** What an edit leaves alone, so that it stays the same object of the same kind. */
function keyed(edited: JsonObject, { apiVersion, kind, metadata }: JsonObject): JsonObject {
  const { name, namespace } = metadata as JsonObject;
  const others = typeof edited['metadata'] === 'object' ? (edited['metadata'] as JsonObject) : {};
  return { ...edited, apiVersion, kind, metadata: { ...others, name, ...(namespace && { namespace }) } } as JsonObject;
}

/** The object as one that calls itself something else than its key does. */
function contradicting(object: JsonObject, { place, value }: Edit): JsonObject {
  const claims: readonly (readonly [Place, Json])[] = [
    [['metadata', 'namespace'], ['default', 'kube-system', 'other'][value % 3] ?? ''],
    [['metadata', 'name'], 'other'],
    [['kind'], ['Pod', 'Deployment', 'CronJob'][value % 3] ?? ''],
    [['apiVersion'], ['v1', 'apps/v1', 'extensions/v1'][value % 3] ?? ''],
  ];
  const [at, claim] = claims[place % claims.length] ?? [[], null];
  return withValue(object, at, claim) as JsonObject;
}

test('the places of every object, taken away and put back: as if all controls ran', () => {
  const held = createEngine({ controls });
  const all = createEngine({ controls: controls.map((control) => ({ ...control, reads: () => undefined })) });
  const places = objects.reduce((sum, object) => sum + placesOf(object).length, 0);
  const everyPlace = Math.max(1, Math.ceil(places / mostPlaces));
  let edits = 0;
  for (const [number, object] of objects.entries()) {
    for (const engine of [held, all]) engine.apply([upsert(object)], nowMs);
    const isFailing = number < failingObjects.length;
    for (const place of placesOf(object).filter((_, at) => isFailing || (at + number) % everyPlace === 0)) {
      const without = withValue(object, place, undefined) as JsonObject;
      // Its key stays, even where the object no longer says so.
      for (const after of [without, object]) {
        const change = { ...upsert(object), after };
        edits += 1;
        assert.deepEqual(
          held.apply([change], nowMs),
          all.apply([change], nowMs),
          `${JSON.stringify(object)} ${place.join('.')}`,
        );
        assert.deepEqual(
          held.takeUnansweredChanges(),
          all.takeUnansweredChanges(),
          `${JSON.stringify(object)} ${place.join('.')}`,
        );
      }
    }
  }
  assert.deepEqual(stateOf(held), stateOf(all));
  assert.ok(edits > 1_000, `${edits}`);
});

/** Most steps are edits; the others are what an engine is told besides, or told wrongly. */
const kinds = [
  'edit',
  'twice',
  'elsewhere',
  'delete',
  'contradict',
  'unknown-before',
  'stale-before',
  'revert',
] as const;

type Step = Edit & {
  readonly object: number;
  readonly kind: (typeof kinds)[number];
};

const step: fc.Arbitrary<Step> = fc.record({
  object: fc.nat(30),
  place: fc.nat(1_000),
  value: fc.nat(1_000),
  way: fc.constantFrom('remove', 'strange', 'insert', 'insert', 'replace', 'replace', 'replace'),
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('edit' as const) },
    { weight: 8, arbitrary: fc.constantFrom(...kinds) },
  ),
});

/** Two engines, one that holds its objects and one that is told the form before, and what they were given. */
class World {
  readonly #initial: readonly JsonObject[];
  readonly #store = createMemoryObjectStore();
  readonly #held = createEngine({ controls });
  readonly #told = createEngine({ controls, store: this.#store });
  readonly #forms: (JsonObject | undefined)[];
  readonly #uids: string[];

  constructor(initial: readonly JsonObject[]) {
    this.#initial = initial;
    this.#forms = [...initial];
    this.#uids = initial.map(() => '1');
    const changes = initial.map((object) => ({ ...upsert(object), digest: canonicalJson(object) }));
    this.#store.take(changes);
    for (const engine of [this.#held, this.#told]) {
      engine.load(changes);
      engine.apply([], nowMs);
    }
  }

  run(step: Step): void {
    const index = step.object % this.#forms.length;
    const initial = this.#initial[index] as JsonObject;
    const form = this.#forms[index];
    const edited = (object: JsonObject, edit: Edit) => {
      const made = step.kind === 'contradict' ? contradicting(object, edit) : pool.edited(object, edit);
      return step.kind === 'contradict' ? made : keyed(made, initial);
    };
    const first = step.kind === 'delete' ? undefined : step.kind === 'revert' ? initial : edited(form ?? initial, step);
    const second = step.kind === 'twice' && first !== undefined ? edited(first, { ...step, place: step.value }) : first;
    if (step.kind === 'elsewhere') this.#uids[index] = `${Number(this.#uids[index]) + 1}`;
    const isStale = step.kind === 'stale-before' || step.kind === 'revert';
    const shown = step.kind === 'unknown-before' ? undefined : isStale ? initial : form;
    const changes = [...(step.kind === 'twice' ? [first] : []), second].map(
      (after): ObjectChange => ({
        key: objectKeyOf(initial),
        uid: this.#uids[index] as string,
        after,
        ...(after && { digest: canonicalJson(after) }),
        earlier: shown && { object: shown, digest: canonicalJson(shown) },
      }),
    );
    this.#forms[index] = second;
    this.#store.take(changes);
    for (const engine of [this.#held, this.#told]) engine.apply(changes, nowMs);
  }

  assertAsFromScratch(): void {
    const scratch = createEngine({ controls });
    scratch.load(this.#store.all());
    scratch.apply([], nowMs);
    const expected = stateOf(scratch);
    assert.deepEqual(stateOf(this.#held), expected);
    assert.deepEqual(stateOf(this.#told), expected);
  }
}

test('random single-path edits: from scratch after every step', () => {
  const some = fc.array(fc.nat(10_000), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(some, fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }), (choices, steps) => {
      const chosen = choices.map((choice) => objects[choice % objects.length] as JsonObject);
      const named = new Map(chosen.map((object) => [JSON.stringify(objectKeyOf(object)), object]));
      const world = new World([...named.values()].sort((a, b) => compareKeys(objectKeyOf(a), objectKeyOf(b))));
      for (const each of steps) {
        world.run(each);
        world.assertAsFromScratch();
      }
    }),
    { numRuns: runs },
  );
});
