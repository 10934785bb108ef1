/** Which controls run again when an object changes: those that read what changed, and nobody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, ObjectChange, Verdict } from '../contract.ts';
import type { ReadPath } from '../read-path.ts';
import { createEngine } from './engine.ts';
import { control, fail, object, pass, told, upsert } from './test-control.ts';

const reading = (...deciding: readonly ReadPath[]) => ({ reads: () => ({ deciding, telling: [] }) });

/** Controls that note when they run, and an engine of them. */
function spied(...controls: readonly CompiledControl[]) {
  const ran: string[] = [];
  const spies = controls.map(
    (control): CompiledControl => ({
      ...control,
      evaluate(object, view) {
        ran.push(control.meta.id);
        return control.evaluate(object, view);
      },
    }),
  );
  const taken = () => ran.splice(0).join(' ');
  return { spies, taken };
}

const a = control('A', (pod) => (pod['a'] === 1 ? fail('a') : pass), reading(['a']));
const b = control('B', (pod) => (pod['b'] === 1 ? fail('b') : pass), { ...reading(['b', 'c']), selfContained: true });
const silent = control('S', () => pass);

test('a control runs when what it reads differs; one that declares nothing, always', () => {
  const { spies, taken } = spied(a, b, silent);
  const engine = createEngine({ controls: spies });
  engine.apply([upsert(object('Pod', 'web', { a: 1, b: { c: 1, d: 1 } }))], 0);
  assert.equal(taken(), 'A B S');
  engine.apply([upsert(object('Pod', 'web', { a: 1, b: { c: 1, d: 2 } }))], 0);
  assert.equal(taken(), 'S');
  engine.apply([upsert(object('Pod', 'web', { a: 1, b: { c: 2, d: 2 } }))], 0);
  assert.equal(taken(), 'B S');
  const resolved = engine.apply([upsert(object('Pod', 'web', { a: 2, b: { c: 2, d: 2 } }))], 0);
  assert.equal(taken(), 'A S');
  assert.deepEqual(told(resolved), ['resolved A 1 a: no longer fails']);
});

test('what a control only tells of a failing object is nobody’s concern while it passes', () => {
  const telling = control('T', (pod) => (pod['a'] === 1 ? fail('a', JSON.stringify(pod['why'])) : pass), {
    reads: () => ({ deciding: [['a']], telling: [['why']] }),
  });
  const { spies, taken } = spied(telling);
  const engine = createEngine({ controls: spies });
  const say = (body: JsonObject) => told(engine.apply([upsert(object('Pod', 'web', body))], 0));
  assert.deepEqual(say({ a: 0, why: 'x' }), []);
  assert.deepEqual(say({ a: 0, why: 'y' }), []);
  assert.equal(taken(), 'T');
  assert.deepEqual(say({ a: 1, why: 'y' }), ['opened T 1 a: "y"']);
  assert.deepEqual(say({ a: 1, why: 'z' }), ['updated T 1 a: "z"']);
});

test('a control that threw stays unjudged until something it reads is different', () => {
  const throws = control(
    'A',
    (pod) => {
      if (pod['a'] === 1) throw new Error('cannot take it');
      return pass;
    },
    reading(['a']),
  );
  const engine = createEngine({ controls: [throws] });
  const change = (body: JsonObject) => engine.apply([upsert(object('Pod', 'web', body))], 0);
  change({ a: 1 });
  change({ a: 1, b: 1 });
  assert.deepEqual(
    engine.unanswered().map(({ state, reason }) => [state, reason]),
    [['unjudged', 'cannot take it']],
  );
  change({ a: 2, b: 1 });
  assert.deepEqual(engine.unanswered(), []);
});

test('an object that calls itself something else is judged whole', () => {
  const { spies, taken } = spied(a, b);
  const engine = createEngine({ controls: spies });
  const key = { group: '', kind: 'Pod', namespace: 'shop', name: 'web' };
  for (const [kind, other] of [
    ['Job', 1],
    ['Job', 2],
    ['Pod', 3],
    ['Pod', 4],
  ] as const) {
    engine.apply([{ key, uid: '1', after: object(kind, 'web', { other }) }], 0);
    assert.equal(taken(), other === 4 ? '' : 'A B', `${kind} ${other}`);
  }
});

test('an object nested beyond the stack is judged whole', () => {
  const { spies, taken } = spied(a, b);
  const engine = createEngine({ controls: spies });
  const nested = () => JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as JsonObject;
  engine.apply([upsert(object('Pod', 'web', { a: nested() }))], 0);
  taken();
  engine.apply([upsert(object('Pod', 'web', { a: nested() }))], 0);
  assert.equal(taken(), 'A B');
});

test('with a store, the form before counts only when it is the one the engine was given', () => {
  const { spies, taken } = spied(a, b);
  const engine = createEngine({ controls: spies, store: { get: () => undefined } });
  const form = (a: number, other: number) => ({ object: object('Pod', 'web', { a, other }), digest: `${a} ${other}` });
  const change = (after: ReturnType<typeof form>, earlier?: ReturnType<typeof form>): string => {
    engine.apply([{ ...upsert(after.object), digest: after.digest, earlier } satisfies ObjectChange], 0);
    return taken();
  };
  assert.equal(change(form(1, 1)), 'A B');
  assert.equal(change(form(1, 2), form(1, 1)), '');
  assert.equal(change(form(2, 3), form(1, 2)), 'A');
  assert.equal(change(form(2, 4)), 'A B', 'no form before');
  assert.equal(change(form(1, 5), form(1, 1)), 'A B', 'an older form');
  engine.apply([{ ...upsert(form(1, 6).object) }], 0);
  assert.equal(taken(), 'A B', 'no digest');
  assert.equal(change(form(1, 7), form(1, 6)), 'A B', 'a form the engine never had a digest of');
});

test('another object under the name, and one that came back, are judged whole', () => {
  const { spies, taken } = spied(a, b);
  const engine = createEngine({ controls: spies });
  const pod = object('Pod', 'web', { a: 1 });
  engine.apply([upsert(pod, '1')], 0);
  taken();
  engine.apply([upsert(pod, '2')], 0);
  assert.equal(taken(), 'A B');
  engine.apply([{ ...upsert(pod, '2'), after: undefined }], 0);
  engine.apply([upsert(pod, '2')], 0);
  assert.equal(taken(), 'A B');
});

test('a subject whose judging broke off is judged whole at its next change, and the others are judged all the same', () => {
  const poison = (pod: JsonObject): Verdict =>
    pod['poison'] === 1
      ? {
          verdict: 'fail',
          get violations(): never {
            throw new Error('not even the violations');
          },
        }
      : pass;
  const tracked = control('P', poison, reading(['poison']));
  const { spies, taken } = spied(
    tracked,
    control('Q', () => pass, reading(['q'])),
  );
  const engine = createEngine({ controls: spies });
  const pods = (poison: number, q = 0) => ['a', 'b'].map((name) => upsert(object('Pod', name, { poison, q })));
  engine.apply(pods(0), 0);
  taken();
  const [first, second] = pods(1, 1);
  assert.throws(
    () => engine.apply([first!, { ...second!, after: object('Pod', 'b', { poison: 0, q: 1 }) }], 0),
    /not even/,
  );
  assert.equal(taken(), 'P Q', 'the first broke off, the second ran');
  engine.apply([upsert(object('Pod', 'a', { poison: 0, q: 1 }))], 0);
  assert.equal(taken(), 'P Q');
});

test('the cause is the change of the object itself where it concerns the control, else the change that woke it', () => {
  const counts = control(
    'A',
    (pod, view) => fail('', `${JSON.stringify(pod['a'])} ${view.list({ group: '', kind: 'ConfigMap' }).length}`),
    reading(['a']),
  );
  const engine = createEngine({ controls: [counts] });
  engine.apply([upsert(object('Pod', 'web', { a: 1 }))], 0);
  const causes = (...changes: readonly JsonObject[]) =>
    engine
      .apply(
        changes.map((one) => upsert(one)),
        0,
      )
      .map(({ cause }) => cause);
  assert.deepEqual(causes(object('Pod', 'web', { a: 2 }), object('ConfigMap', 'x')), [{ type: 'change', index: 0 }]);
  assert.deepEqual(causes(object('Pod', 'web', { a: 2, b: 1 }), object('ConfigMap', 'y')), [
    { type: 'change', index: 1 },
  ]);
});
