import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import type { CompiledControl, GroupKind } from '../../contract.ts';
import type { Score } from '../../score/score.ts';
import { createEngine, type Engine } from '../engine.ts';
import { createMemoryObjectStore } from '../object-store.ts';
import type { Finding, JudgedTransition, KnownFinding, Unanswered, UnansweredChange } from '../verdict-book.ts';
import { oracleControls } from './controls.ts';
import { history, type Step } from './histories.ts';

/** A cluster beside the engine under test, from which another engine can start from scratch. */
class World {
  readonly store = createMemoryObjectStore();
  readonly hidden = new Set<string>();
  controls: readonly CompiledControl[] = oracleControls;
  nowMs = 0;
  readonly covers = ({ kind }: GroupKind) => !this.hidden.has(kind);

  fromScratch(known: readonly KnownFinding[] = []): { engine: Engine; transitions: readonly JudgedTransition[] } {
    const engine = createEngine({ controls: this.controls, covers: this.covers });
    engine.restore(known);
    engine.load(this.store.all());
    return { engine, transitions: engine.apply([], this.nowMs) };
  }

  run(engine: Engine, step: Step): readonly JudgedTransition[] {
    switch (step.type) {
      case 'changes':
        this.store.take(step.changes);
        return engine.apply(step.changes, this.nowMs);
      case 'wait':
        this.nowMs += step.ms;
        return engine.apply([], this.nowMs);
      case 'coverage':
        if (step.covered) this.hidden.delete(step.kind);
        else this.hidden.add(step.kind);
        return engine.refreshCoverage(this.nowMs);
      case 'controls':
        this.controls = oracleControls
          .filter((_, index) => index !== step.without)
          .map((control, index) =>
            step.renamed && index === 0
              ? { ...control, digest: 'new', meta: { ...control.meta, severity: 'low', weight: 2.5, frameworks: [] } }
              : control,
          );
        return engine.setControls(this.controls, this.nowMs);
    }
  }
}

const stateOf = (engine: Engine) => ({
  findings: engine.findings(),
  unanswered: engine.unanswered(),
  score: engine.score(),
});
const findingId = ({ finding }: Pick<Finding, 'finding'>) =>
  JSON.stringify([finding.control, finding.object, finding.uid, finding.path]);
const questionId = ({ control, object, uid }: Pick<Unanswered, 'control' | 'object' | 'uid'>) =>
  JSON.stringify([control, object, uid]);

/** What somebody knows who saw only which scores moved. */
class ScoreLedger {
  readonly #scores = new Map<string, Score>();

  assertAgreesWith(engine: Engine): void {
    for (const score of engine.takeScoreChanges()) this.#scores.set(score.scope, score);
    const { cluster, ...parts } = engine.score();
    const told = [...this.#scores.values()].filter((score) => !isEmpty(score));
    const all = [cluster, ...Object.values(parts).flat()].filter((score) => !isEmpty(score));
    assert.deepEqual(byScope(told), byScope(all));
    const open = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
    for (const { severity, exception } of engine.findings()) if (exception === undefined) open[severity] += 1;
    assert.deepEqual(cluster.openBySeverity, open);
    for (const whole of [parts.owners, parts.categories, parts.controls])
      assert.deepEqual(sumOf(whole), sumOf([cluster]), 'the parts are not the whole');
  }
}

const byScope = (scores: readonly Score[]) => new Map(scores.map((score) => [score.scope, score]));

const isEmpty = ({ passing, failing, excepted, notAssessable, unjudged }: Score) =>
  passing + failing + excepted + notAssessable + unjudged === 0;

const sumOf = (scores: readonly Score[]) =>
  scores.reduce(
    (sum, one) => ({
      // Weights are thousandths: their sums are compared as such.
      earned: sum.earned + Math.round(one.earned * 1_000),
      possible: sum.possible + Math.round(one.possible * 1_000),
      pairs: sum.pairs + one.passing + one.failing + one.excepted + one.notAssessable + one.unjudged,
    }),
    { earned: 0, possible: 0, pairs: 0 },
  );

/** What somebody knows who saw the transitions only. */
class Ledger {
  readonly open = new Map<string, KnownFinding>();
  readonly unanswered = new Map<string, string>();

  follow(transitions: readonly JudgedTransition[], unanswered: readonly UnansweredChange[]): void {
    for (const { cause: _cause, ...transition } of transitions) {
      const id = findingId(transition);
      assert.equal(
        this.open.has(id),
        transition.state === 'updated' || transition.state === 'resolved',
        `${transition.state} ${id}`,
      );
      if (transition.state === 'resolved') this.open.delete(id);
      else this.open.set(id, transition);
    }
    for (const change of unanswered) {
      if (change.state === 'answered')
        assert.ok(this.unanswered.delete(questionId(change)), `answered ${questionId(change)}`);
      else this.unanswered.set(questionId(change), `${change.state} ${change.reason}`);
    }
  }

  assertAgreesWith(engine: Engine): void {
    const told = [...this.open].map(([id, { state: _state, ...finding }]) => [id, finding] as const);
    assert.deepEqual(new Map(told), new Map(engine.findings().map((finding) => [findingId(finding), finding])));
    assert.deepEqual(
      this.unanswered,
      new Map(engine.unanswered().map((one) => [questionId(one), `${one.state} ${one.reason}`])),
    );
  }
}

const runs = 150;

for (const held of ['objects in the engine', 'objects in a store']) {
  test(`incremental = from scratch after every step, ${held}`, () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = new World();
        const store = held === 'objects in a store' ? { store: world.store } : {};
        const engine = createEngine({ controls: world.controls, covers: world.covers, ...store });
        const ledger = new Ledger();
        const scores = new ScoreLedger();
        scores.assertAgreesWith(engine);
        for (const step of steps) {
          const transitions = world.run(engine, step);
          const { engine: scratch } = world.fromScratch();
          assert.deepEqual(stateOf(engine), stateOf(scratch));
          ledger.follow(transitions, engine.takeUnansweredChanges());
          ledger.assertAgreesWith(engine);
          scores.assertAgreesWith(engine);
        }
      }),
      { numRuns: runs },
    );
  });
}

test('an object that is to be judged again, and goes, takes nobody else along who waits for its return', () => {
  const place = { group: '', namespace: 'b', name: 'x' };
  const metadata = { namespace: 'b', name: 'x' };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false };
  const change = (kind: string, after: JsonObject | undefined, group = '') => ({
    key: { ...place, group, kind },
    uid: '1',
    after,
  });
  const rbac = 'rbac.authorization.k8s.io';
  const binding = { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata, roleRef: 'hostile', subjects: [] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { serviceAccountName: 'x' } };
  const world = new World();
  const engine = createEngine({ controls: world.controls, covers: world.covers });
  for (const changes of [
    [change('ServiceAccount', account)],
    // The binding wakes what judges the account; the pod is judged before that, and finds no account.
    [change('RoleBinding', binding, rbac), change('ServiceAccount', undefined), change('Pod', pod)],
    [change('ServiceAccount', account)],
  ])
    world.run(engine, { type: 'changes', changes });
  assert.deepEqual(stateOf(engine), stateOf(world.fromScratch().engine));
});

test('a restored engine repeats nothing', () => {
  fc.assert(
    fc.property(history, fc.nat(40), (steps, stop) => {
      const world = new World();
      const engine = createEngine({ controls: world.controls, covers: world.covers });
      const ledger = new Ledger();
      for (const step of steps.slice(0, stop + 1)) ledger.follow(world.run(engine, step), []);
      const { engine: restored, transitions } = world.fromScratch([...ledger.open.values()]);
      assert.deepEqual(transitions, []);
      assert.deepEqual(stateOf(restored), stateOf(engine));
    }),
    { numRuns: runs },
  );
});

test('a restored engine resolves what went meanwhile, and only that', () => {
  fc.assert(
    fc.property(history, history, (before, meanwhile) => {
      const world = new World();
      const engine = createEngine({ controls: world.controls, covers: world.covers });
      const ledger = new Ledger();
      for (const step of before) ledger.follow(world.run(engine, step), []);
      const known = [...ledger.open.values()];
      for (const step of meanwhile) world.run(engine, step);
      const { engine: restored, transitions } = world.fromScratch(known);
      ledger.follow(transitions, restored.takeUnansweredChanges());
      ledger.assertAgreesWith(restored);
    }),
    { numRuns: runs },
  );
});

test('nothing is kept of a cluster that became empty', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = new World();
      const engine = createEngine({ controls: world.controls, covers: world.covers });
      for (const step of steps) world.run(engine, step);
      const left = world.store.all();
      engine.apply(
        left.map((change) => ({ ...change, after: undefined })),
        world.nowMs,
      );
      assert.equal(engine.deadline(), undefined);
      assert.deepEqual(engine.size(), { subjects: 0, namespaces: 0 });
    }),
    { numRuns: runs },
  );
});
