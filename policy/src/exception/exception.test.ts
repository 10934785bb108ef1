import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl } from '../contract.ts';
import { createEngine, type Engine } from '../engine/engine.ts';
import { createMemoryObjectStore } from '../engine/object-store.ts';
import { oracleControls } from '../engine/oracle/controls.ts';
import { history } from '../engine/oracle/histories.ts';
import { control as testControl } from '../engine/test-control.ts';
import type { KnownFinding } from '../engine/verdict-book.ts';
import { objectKeyOf } from '../language/read-json.ts';
import { loadBundle } from '../load/load-bundle.ts';
import { problemText } from '../load/problem.ts';
import { exceptControls, exceptionNamedIn } from './except-control.ts';
import type { Exception } from './exception.ts';
import { reportExceptions } from './report.ts';

const file = (more: JsonObject = {}): JsonObject => ({
  apiVersion: 'driftline.dev/v1',
  kind: 'Exception',
  id: 'EX-1',
  controls: ['DL-*'],
  scope: { namespaces: ['legacy'] },
  owner: 'team-a',
  approver: 'alice@example.org',
  reason: 'moved next quarter',
  ticket: 'SEC-1',
  expires: '2030-01-31',
  ...more,
});

function load(...files: readonly JsonObject[]) {
  return loadBundle({
    files: files.map((one, index) => ({ path: `${index}.yaml`, text: JSON.stringify(one) })),
    relations: [],
    sha256: (text) => String(text.length),
  });
}

function exceptionsOf(...files: readonly JsonObject[]): readonly Exception[] {
  const loaded = load(...files);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.bundle.exceptions;
}

/** Fails for `spec.bad`, once for each of its words. */
const control: CompiledControl = {
  ...testControl('DL-TST-001', ({ spec }) => {
    const bad = (spec as JsonObject | undefined)?.['bad'];
    if (typeof bad !== 'string' || bad === '') return { verdict: 'pass' };
    const violations = bad.split(' ').map((word) => ({ path: `spec.${word}`, value: word, reason: 'is bad' }));
    return { verdict: 'fail', violations };
  }),
  kinds: [{ group: '', kind: 'Pod' }],
};

const pod = (bad: string, namespace = 'legacy', labels: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace, labels },
  spec: { bad },
});

const atMs = (iso: string) => Date.parse(iso);
const told = (engine: Engine, after: JsonObject, nowMs: number) =>
  engine
    .apply([{ key: objectKeyOf(after), uid: '1', after }], nowMs)
    .map(({ state, finding, reason }) => `${state} ${finding.path} ${reason}`);

test('an excepted finding counts neither way, and it is open again at the first moment after the end', () => {
  const controls = exceptControls([control], exceptionsOf(file()), 'prod');
  const engine = createEngine({ controls });
  const nowMs = atMs('2030-01-01T00:00:00Z');
  assert.deepEqual(told(engine, pod('x'), nowMs), [
    'excepted spec.x excepted by EX-1 until 2030-01-31 (SEC-1): is bad',
  ]);
  assert.deepEqual([engine.score().cluster.failing, engine.score().cluster.possible], [0, 0]);
  assert.equal(engine.verdict(objectKeyOf(pod('x')), control.meta.id)?.verdict, 'excepted');
  assert.equal(engine.deadline(), atMs('2030-02-01T00:00:00Z'));
  assert.deepEqual(engine.apply([], atMs('2030-01-31T23:59:59.999Z')), []);
  const [again] = engine.apply([], atMs('2030-02-01T00:00:00Z'));
  assert.deepEqual([again?.state, again?.reason, again?.cause.type], ['reopened', 'is bad', 'deadline']);
  assert.equal(engine.score().cluster.failing, 1);
});

test('scope: cluster, namespace, object, labels, path; all that is given must hold', () => {
  const states = (scope: JsonObject, object: JsonObject, cluster = 'prod') => {
    const engine = createEngine({ controls: exceptControls([control], exceptionsOf(file({ scope })), cluster) });
    return engine.apply([{ key: objectKeyOf(object), uid: '1', after: object }], 0).map(({ state }) => state);
  };
  assert.deepEqual(states({ clusters: ['prod*'] }, pod('x')), ['excepted']);
  assert.deepEqual(states({ clusters: ['stage'] }, pod('x')), ['opened']);
  assert.deepEqual(states({ namespaces: ['leg*'] }, pod('x')), ['excepted']);
  assert.deepEqual(states({ namespaces: ['leg*'] }, pod('x', 'shop')), ['opened']);
  assert.deepEqual(states({ objects: [{ kind: 'Pod', name: 'a' }] }, pod('x')), ['excepted']);
  assert.deepEqual(states({ objects: [{ kind: 'Pod', name: 'b' }] }, pod('x')), ['opened']);
  assert.deepEqual(states({ selector: { matchLabels: { old: 'yes' } } }, pod('x', 'shop', { old: 'yes' })), [
    'excepted',
  ]);
  assert.deepEqual(states({ paths: ['spec.x'] }, pod('x y')), ['excepted', 'opened']);
  assert.deepEqual(states({ namespaces: ['legacy'], objects: [{ kind: 'Job' }] }, pod('x')), ['opened']);
});

test('an engine that was restored repeats nothing of what is excepted', () => {
  const controls = exceptControls([control], exceptionsOf(file()), 'prod');
  const before = createEngine({ controls });
  const change = { key: objectKeyOf(pod('x')), uid: '1', after: pod('x') };
  const known = before.apply([change], 0) as readonly KnownFinding[];
  const after = createEngine({ controls });
  after.restore(known);
  after.load([change]);
  assert.deepEqual(after.apply([], 0), []);
  const without = createEngine({ controls: [control] });
  without.restore(known);
  without.load([change]);
  assert.deepEqual(
    without.apply([], 0).map(({ state }) => state),
    ['reopened'],
  );
});

test('what another scope of the same exception excepts is judged again when the controls are replaced', () => {
  const cel = { ...control, digest: 'd' };
  const withScope = (scope: JsonObject) => exceptControls([cel], exceptionsOf(file({ scope })), 'prod');
  const engine = createEngine({ controls: withScope({ namespaces: ['legacy'] }) });
  told(engine, pod('x'), 0);
  const moved = (scope: JsonObject) =>
    engine.setControls(withScope(scope), 0).map(({ state, cause }) => [state, cause.type]);
  assert.deepEqual(moved({ namespaces: ['legacy'] }), []);
  assert.deepEqual(moved({ namespaces: ['other'] }), [['reopened', 'bundle']]);
});

test('incremental = from scratch with exceptions, whatever ends and whatever labels change', () => {
  const file1 = file({ controls: ['*'], scope: { namespaces: ['a'] }, expires: '1970-01-01T00:00:20Z' });
  const file2 = file({ id: 'EX-2', controls: ['*'], scope: { selector: { matchLabels: { app: 'a' } } } });
  const controls = exceptControls(oracleControls, exceptionsOf(file1, file2), 'prod');
  const stateOf = (engine: Engine) => [engine.findings(), engine.unanswered(), engine.score()];
  fc.assert(
    fc.property(history, (steps) => {
      const engine = createEngine({ controls });
      const store = createMemoryObjectStore();
      let nowMs = 0;
      for (const step of steps) {
        if (step.type === 'wait') nowMs += step.ms;
        const changes = step.type === 'changes' ? step.changes : [];
        store.take(changes);
        engine.apply(changes, nowMs);
        const scratch = createEngine({ controls });
        scratch.load(store.all());
        scratch.apply([], nowMs);
        assert.deepEqual(stateOf(engine), stateOf(scratch));
      }
    }),
    { numRuns: 60 },
  );
});

test('the report: who ends when, what fails then, what is no use, what covers too much', () => {
  const exceptions = exceptionsOf(
    file({ id: 'used', expires: '2030-01-10' }),
    file({ id: 'idle', scope: { namespaces: ['none'] }, expires: '2031-01-01' }),
    file({ id: 'over', expires: '2029-01-01', scope: { namespaces: ['gone'] } }),
  );
  const engine = createEngine({ controls: exceptControls([control], exceptions, 'prod') });
  const nowMs = atMs('2030-01-01T00:00:00Z');
  told(engine, pod('x y'), nowMs);
  const others = Array.from({ length: 9 }, (_, index) => ({
    ...control,
    meta: { ...control.meta, id: `DL-TST-01${index}` },
  }));
  const held = new Map<string, number>();
  for (const { exception = '', reason } of engine.findings()) {
    assert.equal(exceptionNamedIn(reason), exception);
    held.set(exception, (held.get(exception) ?? 0) + 1);
  }
  const report = reportExceptions(exceptions, { held, controls: [control, ...others] }, { nowMs });
  assert.deepEqual(
    report.map(({ exception, state, held: findings, isUnused }) => [exception.id, state, findings, isUnused]),
    [
      ['over', 'expired', 0, false],
      ['used', 'expiring', 2, false],
      ['idle', 'active', 0, true],
    ],
  );
  assert.equal(report[1]?.overBroad, 'it is about 10 of 10 controls');
});

test('refused: without an end, an approver or a scope; an end that is no time; two of one id', () => {
  const problems = (...files: readonly JsonObject[]) => {
    const loaded = load(...files);
    return loaded.ok ? 'loaded' : loaded.problems.map(problemText).join('\n');
  };
  for (const field of ['expires', 'approver', 'owner', 'reason'])
    assert.match(
      problems(Object.fromEntries(Object.entries(file()).filter(([key]) => key !== field))),
      new RegExp(field),
    );
  assert.match(problems(file({ scope: {} })), /scope: must name something/);
  assert.match(problems(file({ expires: 'next year' })), /expires/);
  assert.match(problems(file({ controls: ['*-001'] })), /asterisk at its end only/);
  assert.match(problems(file(), file()), /EX-1 is defined twice/);
  const unknown = load(file({ controls: ['XX-1'] }));
  assert.match(unknown.ok ? unknown.bundle.notes.map(problemText).join() : '', /about no control of the bundle/);
});
