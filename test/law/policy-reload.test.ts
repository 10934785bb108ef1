/**
 * Policies that change while changes flow (law 5): whatever the order of changes, reloads and restarts, the findings are
 * those of an engine that sees the objects and the last policies for the first time; and a reload judges what it covers.
 */
import type { PolicyBundle } from '@driftline/collector';
import { type CompiledControl, createEngine, type Exception, exceptControls, loadBundle } from '@driftline/policy';
import type { Finding, ObjectChange, Score } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore, openMemoryTimeline, type MemoryStore } from '../fakes/memory-timeline.ts';
import { body, configMap, cutOf, id, item, meta, open, sha256 } from './pipeline-rig.ts';

/** Fails for each part of `data` above its limit; says how often it was asked. */
function limited(name: string, limit: number, more: Partial<CompiledControl['meta']> = {}) {
  const asked = { count: 0 };
  const control: CompiledControl = {
    meta: { ...meta(name), ...more },
    language: 'cel',
    kinds: [{ group: '', kind: 'ConfigMap' }],
    selfContained: true,
    digest: JSON.stringify([name, limit, more]),
    evaluate({ data }) {
      asked.count += 1;
      const above = Object.entries((data ?? {}) as JsonObject).filter(([, value]) => Number(value) > limit);
      if (above.length === 0) return { verdict: 'pass' };
      const reason = `more than ${limit}`;
      return {
        verdict: 'fail',
        violations: above.map(([key, value]) => ({ path: `data.${key}`, value: JSON.stringify(value), reason })),
      };
    },
  };
  return { control, asked };
}

function exceptionsFor(name: string): readonly Exception[] {
  const file = {
    apiVersion: 'driftline.dev/v1',
    kind: 'Exception',
    id: `EX-${name}`,
    controls: ['large'],
    scope: { objects: [{ kind: 'ConfigMap', name }] },
    owner: 'team-a',
    approver: 'alice@example.org',
    reason: 'soon',
    expires: '2999-01-01',
  };
  const loaded = loadBundle({ files: [{ path: 'e.yaml', text: JSON.stringify(file) }], relations: [], sha256 });
  assert.ok(loaded.ok);
  return loaded.bundle.exceptions;
}

const large = (limit: number, more = {}) => limited('large', limit, more).control;
const huge = limited('huge', 8).control;
const sets: readonly PolicyBundle[] = [
  { version: 'v0', controls: [large(5)] },
  { version: 'v1', controls: [large(3)] },
  { version: 'v2', controls: [large(5), huge] },
  { version: 'v3', controls: [large(5, { severity: 'critical', category: 'network' }), huge] },
  { version: 'v4', controls: [] },
  { version: 'v5', controls: [large(5), huge], exceptions: exceptionsFor('a') },
  { version: 'v6', controls: [large(3), huge], exceptions: exceptionsFor('b') },
];

const name = fc.constantFrom('a', 'b', '__proto__');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), name, x: fc.nat(10), y: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('reload' as const), set: fc.nat(sets.length - 1) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
  // Without it every reload would find the last policies: they are read when its turn comes.
  { weight: 4, arbitrary: fc.constant({ type: 'settle' as const }) },
);

type Told = { readonly state: string; readonly severity: string; readonly value: string; readonly reason: string };

/** What the timeline says is open or excepted, by the order that its rows themselves have. */
async function recorded(store: MemoryStore): Promise<readonly (readonly [string, Told])[]> {
  const last = new Map<string, Told>();
  for await (const row of openMemoryTimeline(store).findings(id)) {
    const { control, name: object, uid, path, state, severity, value, reason } = row;
    last.set(`${control} ${object} ${uid} ${path}`, {
      state: state === 'resolved' || state === 'excepted' ? state : 'open',
      severity,
      value,
      reason,
    });
  }
  return [...last].filter(([, { state }]) => state !== 'resolved').sort(byKey);
}

/** What the timeline says of every scope that anything counts for. */
async function scoresOf(store: MemoryStore): Promise<ReadonlyMap<string, unknown>> {
  return countedScores(await openMemoryTimeline(store).posture(id));
}

function countedScores(scores: readonly Omit<Score, 'unjudged'>[]): ReadonlyMap<string, unknown> {
  return new Map(
    scores
      .filter(({ passing, failing, excepted }) => passing + failing + excepted > 0)
      .map(({ scope, earned, possible, score, passing, failing, excepted, openBySeverity }) => [
        scope,
        { earned, possible, score, passing, failing, excepted, openBySeverity },
      ]),
  );
}

function fromScratch(agent: AgentStream, { controls, exceptions = [] }: PolicyBundle) {
  const engine = createEngine({ controls: exceptControls(controls, exceptions, id.cluster) });
  const objects = [...agent.known.values()].map(({ ref, object }): ObjectChange => {
    const { group, kind, namespace, name: objectName, uid } = ref;
    return { key: { group, kind, namespace, name: objectName }, uid, after: object };
  });
  engine.load(objects);
  engine.apply([], agent.nowUs / 1_000);
  return {
    findings: engine.findings().map(toldOf).sort(byKey),
    scores: countedScores(Object.values(engine.score()).flat()),
  };
}

function toldOf({ finding, severity, value, reason, exception }: Finding): readonly [string, Told] {
  const state = exception === undefined ? 'open' : 'excepted';
  return [
    `${finding.control} ${finding.object.name} ${finding.uid} ${finding.path}`,
    { state, severity, value, reason },
  ];
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

test('changes, reloads and restarts in any order: the findings are those of the last policies from scratch', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const store = createMemoryStore();
      const agent = new AgentStream('e1', 1_800_000_000_000_000);
      let inForce = sets[0]!;
      let later = 0;
      const life = () =>
        open(
          store,
          () => inForce,
          () => agent.nowUs / 1_000 + later,
        );
      let { pipeline } = life();
      await pipeline.recoverAll();
      const running: Promise<void>[] = [];
      for (const one of steps) {
        if (one.type === 'put') agent.put(configMap(one.name), body(one.name, { x: one.x, y: one.y }));
        if (one.type === 'remove' && agent.known.size > 0) agent.remove(configMap(one.name));
        const batch = agent.cut();
        if (batch !== undefined) running.push(pipeline.handle([item(agent, batch)]));
        if (one.type === 'reload') {
          inForce = sets[one.set]!;
          running.push(pipeline.adopt(() => inForce));
        }
        if (one.type === 'restart' || one.type === 'settle') await Promise.all(running.splice(0));
        if (one.type === 'restart') {
          await pipeline.close();
          ({ pipeline } = life());
          await pipeline.recoverAll();
        }
      }
      await Promise.all(running);
      const expected = fromScratch(agent, inForce);
      assert.deepEqual(await recorded(store), expected.findings);
      // Scores that had to wait are written when their time has come.
      later = 3_600_000;
      await pipeline.housekeep();
      assert.deepEqual(await scoresOf(store), expected.scores);
      // Nothing is said twice: neither by a reload nor by a restart.
      const before = store.batches.length;
      await pipeline.adopt(() => inForce);
      await pipeline.housekeep();
      assert.equal(store.batches.length, before);
      await pipeline.close();
    }),
    { numRuns: 150 },
  );
});

test('each transition names the version that judged it, and open findings are counted in their new category', async () => {
  const store = createMemoryStore();
  const agent = new AgentStream('e1', 1_800_000_000_000_000);
  let inForce = sets[2]!;
  const { pipeline } = open(
    store,
    () => inForce,
    () => agent.nowUs / 1_000,
  );
  await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { x: 7 }))))]);
  inForce = sets[3]!;
  await pipeline.adopt(() => inForce);
  await pipeline.handle([item(agent, cutOf(agent.put(configMap('a'), body('a', { x: 9 }))))]);
  const told = store.batches
    .flatMap(({ transitions }) => transitions)
    .map(({ state, control, severity, cause, bundle }) => [state, control, severity, cause, bundle].join(' '));
  assert.deepEqual(told, [
    'opened large high change v2',
    'updated large critical bundle v3',
    'opened huge high change v3',
    'updated large critical change v3',
  ]);
  // Nothing but the category: no finding moves, and its place in the posture does.
  inForce = { version: 'v7', controls: [large(5, { severity: 'critical', category: 'data' }), huge] };
  await pipeline.adopt(() => inForce);
  const postures = new Map(
    store.batches.flatMap(({ posture }) => posture).map(({ scope, openBySeverity }) => [scope, openBySeverity]),
  );
  const critical = (scope: string) => postures.get(scope)?.critical;
  assert.deepEqual(
    ['cluster', 'data', 'network', 'compute'].map((scope, at) => critical(at === 0 ? scope : `category:${scope}`)),
    [1, 1, 0, 0],
  );
  await pipeline.close();
});

test('a reload asks only the controls that are new or others', async () => {
  const store = createMemoryStore();
  const agent = new AgentStream('e1', 1_800_000_000_000_000);
  const [kept, before, after] = [limited('kept', 1), limited('moved', 5), limited('moved', 4)];
  // As files that were read again: other values, and an equal digest.
  const again = limited('kept', 1);
  let inForce: PolicyBundle = { version: 'before', controls: [kept.control, before.control] };
  const { pipeline } = open(
    store,
    () => inForce,
    () => agent.nowUs / 1_000,
  );
  for (const object of ['a', 'b', 'c']) agent.put(configMap(object), body(object, { x: 2 }));
  await pipeline.handle([item(agent, cutOf(agent))]);
  assert.deepEqual([kept.asked.count, before.asked.count], [3, 3]);
  inForce = { version: 'after', controls: [again.control, after.control] };
  await pipeline.adopt(() => inForce);
  assert.deepEqual([kept.asked.count, again.asked.count, before.asked.count, after.asked.count], [3, 0, 3, 3]);
  await pipeline.close();
});
