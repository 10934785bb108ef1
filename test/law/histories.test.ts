/**
 * Laws 3, 5, 6 and 8 over random histories of the whole system: random writes, connections cut, watches ended, agent and
 * collector stopped, killed and started at random. Whatever happened, the timeline then holds every version exactly once
 * and in order (3), its findings are those of judging the present state from scratch (5), it replays to what the
 * inventory holds and the API server has (6), and a control that throws has held nothing up (8).
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ObjectChange, createEngine } from '@driftline/policy';
import * as fc from 'fast-check';
import { type EmbeddedSystem, clusterName, openEmbeddedSystem } from '../fakes/embedded-system.ts';
import { currentOf } from '../fakes/embedded/truth.ts';
import type { Actor, JsonObject, KubeObject } from '../fakes/practice-cluster/index.ts';

/** Fails above 5; throws for what is no number. */
const fragileControl = `apiVersion: driftline.dev/v1
kind: Control
id: TEST-001
title: Sizes must be small
severity: low
weight: 1
category: governance
rationale: Of this test.
remediation: { summary: Make it smaller., fields: [data.size], impact: none }
references: ["https://example.com/sizes"]
frameworks: {}
match:
  kinds: [{ group: "", kind: ConfigMap }]
cel:
  matchConditions:
    - name: has_size
      expression: has(object.data) && "size" in object.data
  validations:
    - expression: int(object.data.size) <= 5
      messageExpression: '"size is " + object.data.size'
      path: data.size
cases:
  - name: small
    expect: pass
    objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: b }, data: { size: "1" } }]
  - name: large
    expect: fail
    objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: b }, data: { size: "9" } }]
    violations: [data.size]
`;

/** Each takes some seconds; more of them find more. */
const runs = Number(process.env['DRIFTLINE_TEST_HISTORIES'] ?? 2);

let system: EmbeddedSystem;
const policyFolder = mkdtempSync(join(tmpdir(), 'driftline-policy-'));
before(async () => {
  mkdirSync(join(policyFolder, 'controls'));
  writeFileSync(join(policyFolder, 'controls', 'test-001.yaml'), fragileControl);
  system = await openEmbeddedSystem({ collectorFlags: { 'policy-dirs': policyFolder } });
});
after(async () => {
  await system.close();
  rmSync(policyFolder, { recursive: true, maxRetries: 10 });
});

type Step =
  | { readonly type: 'write'; readonly kind: number; readonly name: string; readonly value: string }
  | { readonly type: 'delete'; readonly kind: number; readonly name: string }
  | { readonly type: 'cut' | 'end-watches' | 'stop-agent' | 'kill-agent' | 'stop-collector' | 'start' }
  | { readonly type: 'wait'; readonly ms: number };

const name = fc.constantFrom('a', 'b', 'c', 'constructor');
const value = fc.constantFrom('1', '7', '9', 'not a number', '');
const kind = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ type: fc.constant('write' as const), kind, name, value }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('delete' as const), kind, name }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('cut' as const, 'end-watches' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('stop-agent' as const, 'kill-agent' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stop-collector' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('start' as const) }) },
);

const kinds = [
  ['v1', 'ConfigMap'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ['v1', 'Service'],
] as const;

const target = (kindNumber: number, objectName: string) => {
  const [apiVersion, kindName] = kinds[kindNumber]!;
  return { apiVersion, kind: kindName as string, namespace: 'default', name: objectName };
};

/** The same kind of object with content that depends on the value alone. */
function objectOf(kindNumber: number, objectName: string, text: string): JsonObject {
  const { apiVersion, kind } = target(kindNumber, objectName);
  const metadata = { name: objectName, namespace: 'default', annotations: { value: text } };
  const base = { apiVersion, kind, metadata };
  if (kind === 'ConfigMap') return { ...base, data: { size: text, 'x.__proto__': text } };
  if (kind === 'Service') return { ...base, spec: { selector: { app: 'x' }, ports: [{ port: 80 + text.length }] } };
  const group = text === '9' ? 'system:unauthenticated' : `group-${text.length}`;
  return {
    ...base,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
  };
}

function write(actor: Actor, { kind, name, value }: Extract<Step, { type: 'write' }>): void {
  const object = objectOf(kind, name, value);
  const existing = actor.get(target(kind, name));
  if (existing === undefined) return void actor.create(object);
  const metadata = { ...(object['metadata'] as JsonObject), resourceVersion: existing.metadata.resourceVersion };
  actor.update({ ...existing, ...object, metadata } as unknown as KubeObject);
}

/** What is running while a history plays. */
class Lives {
  #hasAgent = true;
  #hasCollector = true;

  async run(step: Step): Promise<void> {
    const actor = system.actor();
    switch (step.type) {
      case 'write':
        return write(actor, step);
      case 'delete':
        return actor.delete(target(step.kind, step.name));
      case 'wait':
        return void (await new Promise((resolve) => setTimeout(resolve, step.ms)));
      case 'cut':
        return void system.cluster.cutConnections();
      case 'end-watches':
        return system.cluster.endWatches();
      case 'stop-agent':
      case 'kill-agent':
        if (this.#hasAgent) await (step.type === 'stop-agent' ? system.stopAgent() : system.killAgent());
        this.#hasAgent = false;
        return;
      case 'stop-collector':
        if (this.#hasCollector) await system.stopCollector();
        this.#hasCollector = false;
        return;
      case 'start':
        return this.start();
    }
  }

  async start(): Promise<void> {
    const agent = this.#hasAgent ? undefined : system.startAgent({ waits: false });
    if (!this.#hasCollector) await system.startCollector();
    await agent;
    this.#hasAgent = true;
    this.#hasCollector = true;
  }
}

/** An engine that sees the inventory for the first time. */
function fromScratch(): { readonly findings: string[]; readonly unjudged: string[] } {
  const { policies, pipeline } = system.collector!.parts;
  const engine = createEngine({ controls: policies.current().controls.map(({ control }) => control) });
  const objects: ObjectChange[] = [];
  for (const { inventory } of pipeline?.memories() ?? []) {
    for (const key of inventory.keys()) {
      const { group, kind: kindName, namespace, name: objectName, uid } = inventory.get(key)!.ref;
      const after = inventory.object(key);
      objects.push({ key: { group, kind: kindName, namespace, name: objectName }, uid, after });
    }
  }
  engine.load(objects);
  engine.apply([], Date.now());
  return {
    findings: engine
      .findings()
      .map(({ finding, value, reason }) =>
        [
          finding.control,
          finding.object.kind,
          finding.object.namespace,
          finding.object.name,
          finding.path,
          value,
          reason,
        ].join(' | '),
      )
      .sort(),
    unjudged: engine
      .unanswered()
      .map(({ control, object }) => `${control} ${object.kind} ${object.name}`)
      .sort(),
  };
}

type Recorded = {
  readonly findings: string[];
  /** Unjudged or not assessable. */
  readonly unjudged: string[];
  /** Of these, the ones that a control failed at. */
  readonly failed: number;
};

async function asRecorded(): Promise<Recorded> {
  const open = new Map<string, string>();
  for (const row of await system.timeline.transitions()) {
    const { findingId, control, kind: kindName, namespace, name: objectName, path, value, reason } = row;
    if (row.state === 'resolved') open.delete(findingId);
    else open.set(findingId, [control, kindName, namespace, objectName, path, value, reason].join(' | '));
  }
  const unjudged = new Map<string, string>();
  for (const row of await system.timeline.unjudged()) {
    const place = `${row.control} ${row.kind} ${row.name}`;
    if (row.state === 'cleared') unjudged.delete(place);
    else unjudged.set(place, row.state);
  }
  return {
    findings: [...open.values()].sort(),
    unjudged: [...unjudged.keys()].sort(),
    failed: [...unjudged.values()].filter((state) => state === 'unjudged').length,
  };
}

test('after any history: once and in order, as from scratch, replay = inventory = reality', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 45 }), async (steps) => {
      const lives = new Lives();
      for (const each of steps) await lives.run(each);
      await lives.start();
      await system.settled();
      const told = await system.wholeHistory();
      for (const [key, forms] of system.truth.history) assert.deepEqual(told.get(key), forms, key);
      assert.deepEqual(await system.timeline.duplicates(), []);
      assert.deepEqual(
        await system.timeline.gaps(),
        [],
        'spool and watch window survived: there is nothing to confess',
      );
      const inventory = new Set<string>();
      for (const memory of system.collector?.parts.pipeline?.memories() ?? [])
        for (const key of memory.inventory.keys()) inventory.add(memory.inventory.text(key) ?? '');
      assert.deepEqual(inventory, new Set(currentOf(system.truth.history).values()));
      const scratch = fromScratch();
      const { findings, unjudged } = await asRecorded();
      assert.deepEqual({ findings, unjudged }, scratch);
      const chain = await system.timeline.verify(clusterName);
      assert.equal(chain.verdict, 'intact', JSON.stringify(chain));
    }),
    { numRuns: runs, endOnFailure: true },
  );
});

test('law 8: a control that throws is unjudged there, and the version is recorded all the same', async () => {
  write(system.actor(), { type: 'write', kind: 0, name: 'thrown', value: 'not a number' });
  await system.settled();
  const { unjudged, failed } = await asRecorded();
  assert.ok(unjudged.includes('TEST-001 ConfigMap thrown'), unjudged.join());
  assert.deepEqual({ unjudged }, { unjudged: fromScratch().unjudged });
  assert.equal((await system.status()).unjudged, failed);
  write(system.actor(), { type: 'write', kind: 0, name: 'thrown', value: '9' });
  await system.settled();
  const after = await asRecorded();
  assert.ok(!after.unjudged.includes('TEST-001 ConfigMap thrown'));
  assert.ok(after.findings.some((text) => text.startsWith('TEST-001 | ConfigMap | default | thrown')));
});
