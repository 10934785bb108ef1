/** Controls exported as admission policies say of every case what the control says, and what cannot be exported is refused with a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import type { JsonObject } from '@driftline/proto';
import {
  type Bundle,
  exportControl,
  type ExportOptions,
  type ExportResult,
  type LoadedControl,
  loadBundle,
  objectKeyOf,
  type PolicyFile,
  runCases,
  type TrackedView,
  type Verdict,
} from '@driftline/policy';
import { readLibrary } from './read-library.ts';

const library = await readLibrary();
assert.ok(library.ok, JSON.stringify(library));
const { controls } = library.bundle;

const options: ExportOptions = { exceptions: [], actions: ['Deny'], version: 'b', nowMs: 0 };

/** The policies as our own loader reads them. */
function loaded(...policies: readonly Extract<ExportResult, { ok: true }>[]): Bundle {
  const files: PolicyFile[] = policies
    .flatMap(({ policy, binding }) => [policy, binding])
    .map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const result = loadBundle({ files, relations: [], sha256 });
  assert.ok(result.ok, JSON.stringify(result));
  return result.bundle;
}

const unasked = (): never => assert.fail('an exported policy reads its object and the namespace');

const viewOf = (objects: readonly JsonObject[]): TrackedView => ({
  get: (key) =>
    objects.find((object) => {
      const own = objectKeyOf(object);
      return (
        own.kind === key.kind && own.group === key.group && own.name === key.name && own.namespace === key.namespace
      );
    }),
  list: unasked,
  facts: unasked,
  fact: unasked,
  lookup: unasked,
  now: unasked,
  covers: () => true,
});

const replicaSets = 'system:serviceaccount:kube-system:replicaset-controller';

/** What the first object's creation is told. */
function ask(bundle: Bundle, objects: readonly JsonObject[], username = replicaSets): Verdict['verdict'] {
  const [{ control }] = bundle.controls as readonly [LoadedControl];
  const [object = {}] = objects;
  const { group, kind, namespace, name } = objectKeyOf(object);
  const request = {
    operation: 'CREATE',
    kind: { group, version: 'v1', kind },
    userInfo: { username, groups: [] },
    namespace,
    name,
  };
  const verdict = control.evaluateChange?.({ object, oldObject: null, request }, viewOf(objects));
  assert.ok(verdict !== undefined && verdict.verdict !== 'unjudged', JSON.stringify(verdict));
  return verdict.verdict;
}

const allowed: Readonly<Record<string, readonly Verdict['verdict'][]>> = {
  pass: ['pass', 'not-applicable'],
  fail: ['fail'],
  'not-applicable': ['pass', 'not-applicable'],
  'not-assessable': ['pass', 'not-applicable'],
};

/** With the parameters of a case. */
function withParams(control: LoadedControl, params: JsonObject | undefined): LoadedControl {
  const { source } = control;
  if (params === undefined || source === undefined) return control;
  return { ...control, source: { ...source, params: { ...source.params, ...params } } };
}

test('every control is exported or refused with a reason; exported ones agree with all of their cases', () => {
  const refusals = new Map<string, string>();
  const wrong: string[] = [];
  let agreed = 0;
  for (const control of controls) {
    const { id } = control.control.meta;
    const exported = exportControl(control, options);
    if (!exported.ok) {
      refusals.set(id, exported.reason);
      continue;
    }
    const usual = loaded(exported);
    if (control.admission !== undefined) {
      // What judges changes is run as its own cases are.
      const again = usual.controls.map((one) => ({ ...one, cases: control.cases }));
      const results = runCases({ ...usual, controls: again }, Date.parse);
      wrong.push(...results.filter(({ ok }) => !ok).map(({ name, difference }) => `${id} ${name}: ${difference}`));
      agreed += results.length;
      continue;
    }
    for (const { name, expect, objects, params } of control.cases()) {
      const other = params === undefined ? exported : exportControl(withParams(control, params as JsonObject), options);
      assert.ok(other.ok, id);
      const answer = ask(other === exported ? usual : loaded(other), objects as readonly JsonObject[]);
      if (allowed[expect]?.includes(answer) === true) agreed += 1;
      else wrong.push(`${id} ${name}: ${expect}, and the policy says ${answer}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(agreed >= 500, String(agreed));
  assert.equal(refusals.get('DL-SEC-001')?.startsWith('it looks for what redaction left'), true);
  assert.equal(refusals.get('DL-NET-002')?.startsWith('it joins objects'), true);
  assert.ok(![...refusals.keys()].some((id) => id.startsWith('DL-CHG-')));
  const cel = controls.filter(({ source }) => source !== undefined).length;
  assert.ok(controls.length - refusals.size >= cel * 0.8, `${controls.length - refusals.size} of ${cel}`);
});

const find = (id: string): LoadedControl => controls.find(({ control }) => control.meta.id === id) ?? assert.fail(id);
const pod = (more: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', ...more },
  spec: { containers: [{ name: 'web', image: 'web:1', securityContext: { privileged: true } }], ...spec },
});

test('an owner that anybody can write into a pod is believed of controllers only; what is on its way out is let go', () => {
  const exported = exportControl(find('DL-POD-001'), options);
  assert.ok(exported.ok);
  const bundle = loaded(exported);
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: '1', controller: true }];
  const owned = pod({ ownerReferences });
  assert.equal(ask(bundle, [owned]), 'not-applicable');
  assert.equal(ask(bundle, [owned], 'mallory'), 'fail');
  assert.equal(ask(bundle, [pod({ deletionTimestamp: '2030-01-01T00:00:00Z' })]), 'not-applicable');
});

test('a list that the API server writes out as null is an empty one', () => {
  const exported = exportControl(find('DL-API-007'), options);
  assert.ok(exported.ok);
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'a', namespace: 'shop' } };
  assert.equal(ask(loaded(exported), [{ ...role, rules: null }]), 'pass');
});

function withExceptions(files: readonly JsonObject[], nowMs: number, control = 'DL-POD-001'): ExportResult {
  const file = { apiVersion: 'driftline.dev/v1', kind: 'Exception', owner: 'a', approver: 'b', reason: 'c' };
  const result = loadBundle({
    files: files.map((one, index) => ({ path: `${index}.yaml`, text: JSON.stringify({ ...file, ...one }) })),
    relations: [],
    sha256: (text) => String(text.length),
  });
  assert.ok(result.ok, JSON.stringify(result));
  return exportControl(find(control), { ...options, exceptions: result.bundle.exceptions, nowMs });
}

test('exceptions are let through by every part of their scope, and no creation after their end is', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'new', operator: 'DoesNotExist' },
    ],
  };
  const objects = [{ kind: 'Pod', name: 'w*' }];
  const scope = { namespaces: ['legacy', 'sh*'], objects, selector };
  const exported = withExceptions([{ id: 'EX-1', controls: ['DL-*'], scope, expires: '2030-01-31' }], 0);
  assert.ok(exported.ok, JSON.stringify(exported));
  assert.equal(exported.expiresMs, Date.parse('2030-02-01T00:00:00Z'));
  const { annotations = {} } = exported.policy['metadata'] as { readonly annotations?: Record<string, string> };
  assert.equal(annotations['driftline.dev/export-again-before'], '2030-02-01T00:00:00.000000Z');
  const bundle = loaded(exported);
  const labels = { app: 'web', tier: 'b' };
  const at = (creationTimestamp: string, more: JsonObject = {}): JsonObject =>
    pod({ labels, creationTimestamp, ...more });
  const before = '2030-01-31T23:59:59Z';
  assert.equal(ask(bundle, [at(before)]), 'not-applicable');
  assert.equal(ask(bundle, [at('2030-02-01T00:00:00Z')]), 'fail');
  for (const other of [
    { namespace: 'other' },
    { name: 'api' },
    { labels: { app: 'web' } },
    { labels: { ...labels, new: '' } },
    { labels: { ...labels, app: 'x' } },
  ])
    assert.equal(ask(bundle, [at(before, other)]), 'fail', JSON.stringify(other));
});

test('an exception that has ended is left out; one for single fields, which cannot be told, refuses the control', () => {
  const scope = { namespaces: ['shop'] };
  const ended = { id: 'EX-1', controls: ['DL-*'], scope, expires: '2030-01-31' };
  const exported = withExceptions([ended], Date.parse('2030-02-01T00:00:00Z'));
  assert.ok(exported.ok);
  assert.deepEqual([exported.ended, exported.expiresMs], [['EX-1'], undefined]);
  assert.equal(ask(loaded(exported), [pod()]), 'fail');
  const single = withExceptions([{ ...ended, scope: { paths: ['spec.*'] } }], 0);
  assert.match(single.ok ? '' : single.reason, /EX-1 is for single fields/);
});

test('a control about changes is a policy but for its name; no exception holds for a deletion', () => {
  const scope = { namespaces: ['shop'] };
  const excepted = (control: string) =>
    withExceptions([{ id: 'EX-1', controls: ['*'], scope, expires: '2030-01-31' }], 0, control);
  const about = excepted('DL-CHG-002');
  assert.ok(about.ok, JSON.stringify(about));
  const deletions = excepted('DL-CHG-006');
  assert.match(deletions.ok ? '' : deletions.reason, /deletions, too, which have no object that exception EX-1/);
});

test('names are valid, and one export is like the next', () => {
  const exported = exportControl(find('DL-POD-001'), options);
  assert.ok(exported.ok);
  assert.deepEqual(exportControl(find('DL-POD-001'), options), exported);
  assert.equal(exported.name, 'driftline-dl-pod-001');
  assert.deepEqual(exported.binding['spec'], { policyName: exported.name, validationActions: ['Deny'] });
});
