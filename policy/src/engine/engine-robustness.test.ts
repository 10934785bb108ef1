import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { Fact, TrackedView, Verdict } from '../contract.ts';
import { objectKeyOf, stringAt, valueAt } from '../language/read-json.ts';
import { createEngine } from './engine.ts';
import { engineLimits } from './limits.ts';
import {
  control,
  fail,
  pass,
  object,
  upsert,
  remove,
  failsWhenBad,
  good,
  bad,
  told,
  type Evaluate,
} from './test-control.ts';

const owners: Fact<string> = {
  name: 'owners',
  group: '',
  kind: 'ConfigMap',
  project: (map) => stringAt(map, 'of'),
  keys: (name) => [name],
};
const echo: Fact<JsonObject> = { name: 'echo', group: '', kind: 'Pod', project: (pod) => pod };

test('a control that throws or says nonsense is unjudged, others are judged, and it recovers', () => {
  const thrower = control('A', (pod) => {
    if (pod['bad'] === true) throw new Error('cannot take it');
    return pass;
  });
  const empty = control('B', (pod) => (pod['bad'] === true ? { verdict: 'fail', violations: [] } : pass), {
    selfContained: true,
  });
  const liar = control('C', (_, view) => (view.now(1) ? pass : pass), { selfContained: true });
  const engine = createEngine({ controls: [thrower, empty, liar, control('D', failsWhenBad)] });
  assert.deepEqual(told(engine.apply([upsert(bad)], 0)), ['opened D 1 bad: why']);
  const reasons = engine.takeUnansweredChanges().map(({ control, state, reason }) => `${control} ${state}: ${reason}`);
  assert.deepEqual(reasons, [
    'A unjudged: cannot take it',
    'B unjudged: the control failed the object without naming a violation',
    'C unjudged: a self-contained control reads nothing but its own object',
  ]);
  assert.equal(engine.score().cluster.unjudged, 3);
  engine.apply([upsert(good)], 0);
  assert.deepEqual(
    engine.takeUnansweredChanges().map(({ control, state }) => `${control} ${state}`),
    ['A answered', 'B answered'],
  );
  assert.equal(engine.score().cluster.unjudged, 1);
});

test('what a verdict says is bounded, and one path is one finding', () => {
  const many = Array.from({ length: engineLimits.maxViolationsPerVerdict + 5 }, (_, index) => ({
    path: `p${index}`,
    value: 'v'.repeat(9_999),
    reason: 'r'.repeat(9_999),
  }));
  const twice: Verdict = {
    verdict: 'fail',
    violations: [
      { path: 'x', value: '', reason: 'one' },
      { path: 'x', value: 'v', reason: 'two' },
      { path: 'x', value: '', reason: 'one' },
    ],
  };
  const engine = createEngine({
    controls: [control('A', () => ({ verdict: 'fail', violations: many })), control('B', () => twice)],
  });
  engine.apply([upsert(good)], 0);
  const findings = engine.findings();
  assert.equal(findings.length, engineLimits.maxViolationsPerVerdict + 2);
  assert.ok(
    findings.every(
      ({ value, reason }) =>
        value.length <= engineLimits.maxValueLength && reason.length <= engineLimits.maxReasonLength,
    ),
  );
  assert.equal(findings[0]?.reason, 'and 5 more violations');
  assert.deepEqual(findings.at(-1), {
    finding: { control: 'B', object: objectKeyOf(good), uid: '1', path: 'x' },
    severity: 'high',
    title: 'B',
    value: 'v',
    reason: 'one; two',
  });
});

test('a view is closed when its evaluation is over, and objects it gives cannot be changed', () => {
  let kept: TrackedView | undefined;
  const keeper = control('A', (pod, view) => {
    kept = view;
    assert.throws(() => {
      (valueAt(pod, 'metadata') as { name: string }).name = 'changed';
    }, TypeError);
    const [other] = view.list({ group: '', kind: 'ConfigMap' });
    assert.throws(() => {
      (other as { size: number }).size = 2;
    }, TypeError);
    return pass;
  });
  const engine = createEngine({ controls: [keeper] });
  engine.apply([upsert(object('ConfigMap', 'm', { size: 1 })), upsert(good)], 0);
  assert.deepEqual(engine.unanswered(), []);
  assert.throws(() => kept?.get(objectKeyOf(good)), /only while the evaluation/);
});

test('an object the store lost is unjudged, not passed', () => {
  const engine = createEngine({
    controls: [control('A', () => pass, { selfContained: true })],
    store: { get: () => undefined },
  });
  engine.load([upsert(good)]);
  engine.apply([], 0);
  assert.equal(engine.unanswered()[0]?.reason, 'the object is not in the object store');
});

test('neither a store that throws nor an object nested beyond the stack stops the line', () => {
  const broken = () => {
    throw new Error('cannot decompress');
  };
  const engine = createEngine({ controls: [control('A', () => pass)], store: { get: broken } });
  engine.load([upsert(good)]);
  engine.apply([], 0);
  assert.equal(engine.unanswered()[0]?.reason, 'the object store failed: cannot decompress');

  const nested = (): JsonObject => {
    let deep: JsonObject = {};
    for (let depth = 0; depth < 200_000; depth++) deep = { deep };
    return object('Pod', 'deep', { deep, bad: true });
  };
  const reads = control('A', (pod, view) => (view.get(objectKeyOf(pod)) === undefined ? fail() : pass));
  const projects = control('B', (_, view) => (view.facts(echo).length > 0 ? fail() : pass));
  const other = createEngine({ controls: [reads, projects, control('C', failsWhenBad, { selfContained: true })] });
  assert.deepEqual(told(other.apply([upsert(nested())], 0)), ['opened B 1 : why', 'opened C 1 bad: why']);
  assert.deepEqual(other.apply([upsert(nested())], 0), []);
  other.apply([remove(nested())], 0);
  assert.deepEqual([other.findings(), other.unanswered()], [[], []]);
});

test('one change runs the same evaluations in a cluster of any size', () => {
  const counts = [50, 500].map((size) => {
    let runs = 0;
    const counted = (id: string, kind: string, evaluate: Evaluate) =>
      control(
        id,
        (object, view) => {
          runs += 1;
          return evaluate(object, view);
        },
        { kinds: [{ group: '', kind }] },
      );
    const engine = createEngine({
      controls: [
        counted('A', 'Service', (service, view) => {
          const selector = { matchLabels: { app: stringAt(service, 'metadata', 'name') } };
          return view.list({ group: '', kind: 'Pod', selector }).length === 0 ? fail() : pass;
        }),
        counted('B', 'Pod', (pod, view) =>
          view.lookup(owners, stringAt(pod, 'metadata', 'name')).length > 1 ? fail() : pass,
        ),
      ],
    });
    const labelled = (index: number, app: number) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${index}`, namespace: 'shop', labels: { app: `service-${app}` } },
    });
    const indexes = Array.from({ length: size }, (_, index) => index);
    engine.load(
      indexes.flatMap((index) => [
        upsert(labelled(index, index)),
        upsert(object('Service', `service-${index}`)),
        upsert(object('ConfigMap', `map-${index}`, { of: `pod-${index}` })),
      ]),
    );
    engine.apply([], 0);
    runs = 0;
    engine.apply([upsert(labelled(7, 8))], 0);
    assert.equal(engine.findings().length, 1);
    engine.apply([upsert(object('ConfigMap', 'map-3', { of: 'pod-4' }))], 0);
    assert.equal(engine.findings().length, 2);
    return runs;
  });
  assert.deepEqual(counts, [5, 5]);
});

test('hostile names and shapes are only data', () => {
  const engine = createEngine({
    controls: [
      control('A', (pod, view) =>
        view.list({ group: '', kind: 'Pod', selector: { matchLabels: { __proto__x: 'y' } } }).length > 0
          ? fail(stringAt(pod, 'kind'))
          : pass,
      ),
    ],
  });
  const hostile = JSON.parse(
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"__proto__","namespace":"constructor","labels":{"__proto__":"x","toString":"y","n":5}}}',
  ) as JsonObject;
  engine.apply([upsert(hostile), upsert(object('Pod', 'x', { metadata: { labels: [] } } as JsonObject))], 0);
  assert.deepEqual(engine.unanswered(), []);
  engine.apply(
    [{ key: { group: 'g', kind: '__proto__', namespace: '', name: 'constructor' }, uid: '', after: hostile }],
    0,
  );
  assert.equal('polluted' in {}, false);
});
