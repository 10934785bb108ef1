import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { Fact } from '../contract.ts';
import { createEngine } from './engine.ts';
import { control, fail, pass, object, upsert, remove, failsWhenBad, good, bad, told } from './test-control.ts';

test('a finding lives: opened, updated, resolved, reopened, resolved with its object', () => {
  const engine = createEngine({
    controls: [control('A', (pod) => (pod['bad'] === undefined ? pass : fail('bad', JSON.stringify(pod['bad']))))],
  });
  assert.deepEqual(told(engine.apply([upsert(object('Pod', 'web', { bad: 1 }))], 0)), ['opened A 1 bad: 1']);
  assert.deepEqual(told(engine.apply([upsert(object('Pod', 'web', { bad: 1, other: 1 }))], 0)), []);
  assert.deepEqual(told(engine.apply([upsert(object('Pod', 'web', { bad: 2 }))], 0)), ['updated A 1 bad: 2']);
  assert.deepEqual(told(engine.apply([upsert(good)], 0)), ['resolved A 1 bad: no longer fails']);
  assert.deepEqual(told(engine.apply([upsert(object('Pod', 'web', { bad: 3 }))], 0)), ['reopened A 1 bad: 3']);
  assert.deepEqual(told(engine.apply([remove(good)], 0)), ['resolved A 1 bad: the object was deleted']);
});

test('another object of the same name has findings of its own', () => {
  const engine = createEngine({ controls: [control('A', failsWhenBad)] });
  engine.apply([upsert(bad, '1')], 0);
  assert.deepEqual(told(engine.apply([upsert(bad, '2')], 0)), [
    'resolved A 1 bad: the object was deleted',
    'opened A 2 bad: why',
  ]);
});

test('a batch is judged once, by its end', () => {
  let runs = 0;
  const counting = control('A', (pod) => {
    runs += 1;
    return failsWhenBad(pod, undefined as never);
  });
  const engine = createEngine({ controls: [counting] });
  assert.deepEqual(engine.apply([upsert(bad), upsert(good), remove(good), upsert(bad), upsert(good)], 0), []);
  assert.equal(runs, 1);
});

test('transitions are ordered by object and control, and name the change that caused them', () => {
  const engine = createEngine({ controls: [control('B', failsWhenBad), control('A', failsWhenBad)] });
  const transitions = engine.apply(
    [upsert(object('Pod', 'z', { bad: true })), upsert(object('Pod', 'a', { bad: true }))],
    0,
  );
  assert.deepEqual(
    transitions.map(({ finding, cause }) => [finding.object.name, finding.control, cause]),
    [
      ['a', 'A', { type: 'change', index: 1 }],
      ['a', 'B', { type: 'change', index: 1 }],
      ['z', 'A', { type: 'change', index: 0 }],
      ['z', 'B', { type: 'change', index: 0 }],
    ],
  );
});

const size: Fact<number> = { name: 'size', group: '', kind: 'ConfigMap', project: (map) => Number(map['size']) };

test('transitions are ordered by object also when objects go', () => {
  const engine = createEngine({ controls: [control('A', failsWhenBad)] });
  const pods = ['z', 'a'].map((name) => object('Pod', name, { bad: true }));
  engine.apply(
    pods.map((pod) => upsert(pod)),
    0,
  );
  const gone = engine.apply(
    pods.map((pod) => remove(pod)),
    0,
  );
  assert.deepEqual(
    gone.map(({ finding }) => finding.object.name),
    ['a', 'z'],
  );
});

test('a restored finding whose control now has another severity is updated', () => {
  const known = createEngine({ controls: [control('A', failsWhenBad)] }).apply([upsert(bad)], 0);
  const engine = createEngine({ controls: [control('A', failsWhenBad)] });
  engine.restore(known.map((one) => ({ ...one, severity: 'low' })));
  engine.load([upsert(bad)]);
  assert.deepEqual(
    engine.apply([], 0).map(({ state, severity }) => [state, severity]),
    [['updated', 'high']],
  );
});

test('a change that no read saw runs nothing again (equality cut-off)', () => {
  let runs = 0;
  const reader = control('A', (_, view) => {
    runs += 1;
    return view.facts(size).some(({ value }) => value > 1) ? fail() : pass;
  });
  const engine = createEngine({ controls: [reader] });
  engine.apply([upsert(good), upsert(object('ConfigMap', 'm', { size: 1 }))], 0);
  assert.equal(runs, 1);
  engine.apply([upsert(object('ConfigMap', 'm', { size: 1, data: { any: 'thing' } }))], 0);
  engine.apply([upsert(object('Secret', 's'))], 0);
  engine.refreshCoverage(0);
  assert.equal(runs, 1);
  const [opened] = engine.apply([upsert(object('ConfigMap', 'm', { size: 2 }))], 0);
  assert.equal(runs, 2);
  assert.deepEqual(opened?.cause, { type: 'change', index: 0 });
});

test('a kind that cannot be seen is not assessable, even when the control swallows the refusal', () => {
  let covered = false;
  const reader = control('A', (_, view) => {
    try {
      return view.facts(size).length === 0 ? fail() : pass;
    } catch {
      return pass;
    }
  });
  const engine = createEngine({ controls: [reader], covers: ({ kind }) => covered || kind !== 'ConfigMap' });
  assert.deepEqual(engine.apply([upsert(good)], 0), []);
  assert.deepEqual(
    engine.unanswered().map(({ state, reason }) => [state, reason]),
    [['not-assessable', 'ConfigMap objects cannot be seen']],
  );
  covered = true;
  const [opened] = engine.refreshCoverage(0);
  assert.equal(opened?.state, 'opened');
  assert.deepEqual(opened?.cause, { type: 'coverage' });
});

test('a judged kind that cannot be seen is not assessable as a whole', () => {
  const engine = createEngine({ controls: [control('A', failsWhenBad)], covers: () => false });
  assert.deepEqual(engine.unanswered(), [
    {
      control: 'A',
      object: { group: '', kind: 'Pod', namespace: '', name: '' },
      uid: '',
      state: 'not-assessable',
      reason: 'Pod objects cannot be seen',
    },
  ]);
});

test('time: the deadline is known, passes once, and never runs backwards', () => {
  const engine = createEngine({
    controls: [control('A', (pod, view) => (view.now(Number(pod['until'])) ? fail() : pass))],
  });
  const pods = [
    object('Pod', 'a', { until: 300 }),
    object('Pod', 'b', { until: 100 }),
    object('Pod', 'c', { until: 200 }),
  ];
  engine.apply(
    pods.map((pod) => upsert(pod)),
    0,
  );
  assert.equal(engine.deadline(), 100);
  assert.deepEqual(engine.apply([], 99), []);
  const due = engine.apply([], 250);
  assert.deepEqual(
    due.map(({ finding, cause }) => [finding.object.name, cause]),
    [
      ['b', { type: 'deadline' }],
      ['c', { type: 'deadline' }],
    ],
  );
  assert.equal(engine.deadline(), 300);
  assert.deepEqual(engine.apply([upsert(object('Pod', 'b', { until: 120 }))], 50), []);
  assert.equal(engine.findings().length, 2);
  engine.apply([remove(object('Pod', 'a'))], 250);
  assert.equal(engine.deadline(), undefined);
});

test('new controls judge only what is theirs; equal digests keep verdicts', () => {
  const seen: string[] = [];
  const spy = (id: string, digest: string) =>
    control(
      id,
      (pod) => {
        seen.push(id);
        return failsWhenBad(pod, undefined as never);
      },
      { digest },
    );
  const engine = createEngine({ controls: [spy('A', '1'), spy('B', '1')] });
  engine.apply([upsert(bad)], 0);
  seen.length = 0;
  const transitions = engine.setControls([spy('B', '1'), spy('C', '1')], 0);
  assert.deepEqual(seen, ['C']);
  assert.deepEqual(told(transitions), ['resolved A 1 bad: the control was removed', 'opened C 1 bad: why']);
  engine.setControls([spy('B', '2'), spy('C', '1')], 0);
  assert.deepEqual(seen, ['C', 'B']);
  assert.throws(() => engine.setControls([spy('B', '1'), spy('B', '1')], 0), /two controls have one id/);
});

test('restored findings are compared with, not repeated', () => {
  const first = createEngine({ controls: [control('A', failsWhenBad), control('B', failsWhenBad)] });
  const known = first.apply([upsert(bad), upsert(object('Pod', 'gone', { bad: true }))], 0);
  const engine = createEngine({ controls: [control('A', failsWhenBad)] });
  engine.restore(known);
  engine.load([upsert(bad)]);
  assert.deepEqual(told(engine.apply([], 0)).sort(), [
    'resolved A 1 bad: the object was deleted',
    'resolved B 1 bad: the control was removed',
    'resolved B 1 bad: the object was deleted',
  ]);
  const resolved = known
    .filter(({ finding }) => finding.control === 'A' && finding.object.name === 'web')
    .map((one) => ({ ...one, state: 'resolved' as const }));
  const later = createEngine({ controls: [control('A', failsWhenBad)] });
  later.restore(resolved);
  later.load([upsert(good)]);
  assert.deepEqual(later.apply([], 0), []);
  assert.deepEqual(told(later.apply([upsert(bad)], 0)), ['reopened A 1 bad: why']);
});

const none = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
const nothing = { excepted: 0, notAssessable: 0, unjudged: 0 };

test('the score counts pass and fail by weight, whole and by namespace, category and control', () => {
  const controls = [
    control('A', failsWhenBad, { weight: 3 }),
    control('B', () => pass, { weight: 0.1 }),
    control('C', () => ({ verdict: 'not-applicable' }), { weight: 50 }),
  ];
  const engine = createEngine({ controls });
  assert.equal(engine.score().cluster.score, 100);
  engine.apply([upsert(bad), upsert(object('Pod', 'other'))], 0);
  const { cluster, namespaces, categories, controls: scores } = engine.score();
  assert.deepEqual(cluster, {
    ...nothing,
    scope: 'cluster',
    earned: 3.2,
    possible: 6.2,
    score: 51.61,
    passing: 3,
    failing: 1,
    openBySeverity: { ...none, high: 1 },
  });
  assert.deepEqual(
    namespaces.map(({ scope, score }) => [scope, score]),
    [['namespace:shop', 51.61]],
  );
  assert.deepEqual(
    categories.map(({ scope, score }) => [scope, score]),
    [['category:compute', 51.61]],
  );
  assert.deepEqual(
    scores.map(({ scope, passing, failing }) => [scope, passing, failing]),
    [
      ['control:A', 1, 1],
      ['control:B', 2, 0],
    ],
  );
});

test('a score goes to whom the object names, else its namespace, and moves with the name', () => {
  const engine = createEngine({ controls: [control('A', failsWhenBad, { weight: 3 })] });
  const shop = (metadata: JsonObject): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { ...metadata, name: 'shop' },
  });
  const named = object('Pod', 'other', { metadata: { name: 'other', namespace: 'shop', labels: { team: 'red' } } });
  const owners = () => engine.score().owners.map(({ scope, earned, possible }) => [scope, earned, possible]);
  const changed = () => engine.takeScoreChanges().map(({ scope, possible }) => [scope, possible]);
  engine.apply([upsert(bad), upsert(named)], 0);
  assert.deepEqual(owners(), [
    ['owner:', 0, 3],
    ['owner:red', 3, 3],
  ]);
  changed();
  engine.apply([upsert(shop({ annotations: { owner: 'blue' } }))], 0);
  assert.deepEqual(changed(), [
    ['owner:blue', 3],
    ['owner:', 0],
  ]);
  engine.apply([upsert(shop({ annotations: { owner: 'blue' }, labels: { owner: 'red' } }))], 0);
  assert.deepEqual(owners(), [['owner:red', 3, 6]]);
  changed();
  engine.apply([upsert(named)], 0);
  assert.deepEqual(changed(), []);
});

test('what is excepted, not assessable or unjudged is shown, and counts for no score', () => {
  const controls = [
    control('A', () => ({ verdict: 'not-assessable', reason: 'hidden' })),
    control('B', () => ({ verdict: 'unjudged', reason: 'threw' })),
    control('C', () => ({ verdict: 'fail', violations: [{ path: '', value: '', reason: 'r', exception: 'e' }] })),
    control('D', () => pass, { kinds: [{ group: '', kind: 'Secret' }] }),
  ];
  const engine = createEngine({ controls, covers: ({ kind }) => kind !== 'Secret' });
  engine.apply([upsert(good)], 0);
  const { cluster } = engine.score();
  assert.deepEqual(cluster, {
    scope: 'cluster',
    earned: 0,
    possible: 0,
    score: 100,
    passing: 0,
    failing: 0,
    excepted: 1,
    notAssessable: 2,
    unjudged: 1,
    openBySeverity: none,
  });
});

test('a control that weighs or maps differently counts differently', () => {
  const made = (weight: number, framework: string) => {
    const one = control('A', () => pass, { weight });
    return { ...one, meta: { ...one.meta, frameworks: [{ framework, requirements: ['1'] }] } };
  };
  const engine = createEngine({ controls: [made(1, 'cis')] });
  engine.apply([upsert(good)], 0);
  engine.takeScoreChanges();
  engine.setControls([made(4, 'pss')], 0);
  const { cluster, frameworks } = engine.score();
  assert.deepEqual(
    [cluster.earned, frameworks.map(({ scope, earned }) => [scope, earned])],
    [4, [['framework:pss', 4]]],
  );
  assert.deepEqual(
    engine.takeScoreChanges().map(({ scope, possible }) => [scope, possible]),
    [
      ['cluster', 4],
      ['control:A', 4],
      ['category:compute', 4],
      ['namespace:shop', 4],
      ['framework:cis', 0],
      ['owner:', 4],
      ['framework:pss', 4],
    ],
  );
});

/** What a change runs must depend on what it touches, not on how much there is: this is what keeps its cost flat. */

test('a listing runs again only for objects its whole selector takes', () => {
  let runs = 0;
  const lister = control('A', (_, view) => {
    runs += 1;
    return view.list({ group: '', kind: 'ConfigMap', selector: { matchLabels: { app: 'web', tier: 'db' } } }).length > 0
      ? fail()
      : pass;
  });
  const engine = createEngine({ controls: [lister] });
  const map = (labels: JsonObject): JsonObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'm', namespace: 'shop', labels },
  });
  engine.apply([upsert(good)], 0);
  engine.apply([upsert(map({ app: 'web' }))], 0);
  engine.apply([upsert(map({ tier: 'db', app: 'api' }))], 0);
  assert.equal(runs, 1);
  assert.deepEqual(told(engine.apply([upsert(map({ tier: 'db', app: 'web' }))], 0)), ['opened A 1 : why']);
  assert.deepEqual(told(engine.apply([upsert(map({}))], 0)), ['resolved A 1 : no longer fails']);
  assert.equal(runs, 3);
});
