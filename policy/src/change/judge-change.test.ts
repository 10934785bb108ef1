import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, TrackedView, Verdict } from '../contract.ts';
import { loadBundle } from '../load/load-bundle.ts';
import { createChangeJudge, type ObservedChange } from './judge-change.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function load(...documents: readonly JsonObject[]): readonly CompiledControl[] {
  const files = documents.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const result = loadBundle({ files, relations: [], sha256 });
  assert.ok(result.ok, JSON.stringify(result));
  return result.bundle.controls.map(({ control }) => control);
}

function vap(spec: JsonObject, rule: JsonObject = {}, binding: JsonObject = {}): CompiledControl {
  const rules = [{ apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: ['configmaps'], ...rule }];
  const [control] = load(
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'p' },
      spec: { matchConstraints: { resourceRules: rules }, ...spec },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'b' },
      spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
    },
  );
  assert.ok(control);
  return control;
}

const settings = (data: JsonObject, labels: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', labels },
  data,
});

const change = (oldObject: JsonObject | null, object: JsonObject | null): ObservedChange => ({
  key: { group: '', kind: 'ConfigMap', resource: 'configmaps', namespace: 'shop', name: 'settings' },
  oldObject,
  object,
});

/** A cluster of one Namespace and one ConfigMap, which is gone when the second question comes. */
const cluster = (labels: JsonObject): TrackedView => {
  const shop: JsonObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } };
  return {
    get: ({ kind }) => (kind === 'Namespace' ? shop : undefined),
    list: () => [],
    facts: () => [],
    fact: (fact) => fact.project(shop),
    lookup: () => [],
    now: () => false,
    covers: () => true,
  };
};
const nobody = cluster({});

const text = (verdict: Verdict): string =>
  'violations' in verdict
    ? `${verdict.verdict}: ${verdict.violations.map(({ reason }) => reason).join()}`
    : [verdict.verdict, ...('reason' in verdict ? [verdict.reason] : [])].join(': ');

/** What is said without a requester, and whether one can change that; then what is said with each of these. */
function told(
  control: CompiledControl,
  observed: ObservedChange,
  { view = nobody, users = [] }: { view?: TrackedView; users?: readonly (readonly [string, ...string[]])[] } = {},
): readonly string[] {
  const judge = createChangeJudge(observed);
  const { verdict, kept } = judge.judge(control, view, 0);
  if (kept === undefined) return [text(verdict)];
  const again = users.map(([username, ...groups]) =>
    text(judge.judgeAgain(control, kept, { username, groups: groups.length === 0 ? undefined : groups })),
  );
  return [`${text(verdict)} …`, ...again];
}

describe('who asked', () => {
  const byEve = { expression: "request.userInfo.username != 'eve'", message: 'not eve' };

  test('is not guessed: unjudged until it is known, then judged by the cluster as it was', () => {
    const control = vap(
      { validations: [byEve] },
      {},
      { matchResources: { namespaceSelector: { matchLabels: { a: 'b' } } } },
    );
    const users = [['eve'], ['adam']] as const;
    assert.deepEqual(told(control, change(null, settings({})), { view: cluster({ a: 'b' }), users }), [
      'unjudged: nobody knows request.userInfo.username of the request that made the change …',
      'fail: not eve',
      'pass',
    ]);
    assert.deepEqual(told(control, change(null, settings({})), { view: cluster({}), users }), ['not-applicable']);
  });

  test('has no part in what is decided without it', () => {
    const condition = { name: 'ours', expression: "object.data.mode == 'on'" };
    const control = vap({
      matchConditions: [{ name: 'user', expression: byEve.expression }, condition],
      validations: [byEve],
    });
    assert.deepEqual(told(control, change(null, settings({ mode: 'off' }))), ['not-applicable']);
    const either = vap({ validations: [{ expression: `${byEve.expression} || object.data.mode == 'off'` }] });
    assert.deepEqual(told(either, change(null, settings({ mode: 'off' }))), ['pass']);
  });

  test('groups that nobody knows are not empty, and what the client alone knew is not absent', () => {
    const admin = vap({ validations: [{ expression: "'admins' in request.userInfo.groups", message: 'no admin' }] });
    assert.deepEqual(
      told(admin, change(null, settings({})), { users: [['eve'], ['eve', 'users'], ['eve', 'admins']] }),
      [
        'unjudged: nobody knows request.userInfo.groups of the request that made the change …',
        'unjudged: nobody knows request.userInfo.groups of the request that made the change',
        'fail: no admin',
        'pass',
      ],
    );
    const extra = vap({ validations: [{ expression: '!has(request.userInfo.extra)' }] });
    assert.match(told(extra, change(null, settings({})), { users: [['eve', 'x']] })[1] ?? '', /^unjudged: .*extra/);
  });

  test('Kyverno: by subject, by expression, and by an exclusion', () => {
    const rule = (section: JsonObject): CompiledControl => {
      const match = { any: [{ resources: { kinds: ['ConfigMap'] } }] };
      const [control] = load({
        apiVersion: 'kyverno.io/v1',
        kind: 'ClusterPolicy',
        metadata: { name: 'p' },
        spec: { rules: [{ name: 'r', match, validate: { message: 'no', deny: {} }, ...section }] },
      });
      assert.ok(control);
      return control;
    };
    const created = change(null, settings({}));
    const users = [
      ['eve', 'users'],
      ['adam', 'users'],
    ] as const;
    const subjects = [{ kind: 'User', name: 'eve' }];
    const unknown = 'unjudged: nobody knows request.userInfo.username of the request that made the change …';
    const only = rule({ match: { any: [{ resources: { kinds: ['ConfigMap'] }, subjects }] } });
    assert.deepEqual(told(only, created, { users }), [unknown, 'fail: no', 'not-applicable']);
    assert.deepEqual(told(rule({ exclude: { any: [{ subjects }] } }), created, { users }), [
      unknown,
      'not-applicable',
      'fail: no',
    ]);
    const conditions = [{ key: '{{ request.userInfo.username }}', operator: 'Equals', value: 'eve' }];
    const deny = rule({ validate: { message: 'no', deny: { conditions } } });
    assert.deepEqual(told(deny, created, { users }), [unknown, 'fail: no', 'pass']);
    const roles = rule({ exclude: { any: [{ clusterRoles: ['admin'] }] } });
    assert.match(told(roles, created, { users })[1] ?? '', /^unjudged: nobody knows request\.clusterRoles/);
  });
});

describe('what was done', () => {
  test('rules are about operations: a deletion is judged by what is about deletions', () => {
    const control = vap({ validations: [{ expression: 'false', message: 'gone' }] }, { operations: ['DELETE'] });
    assert.equal(control.judges, 'change');
    assert.deepEqual(told(control, change(settings({}), null)), ['fail: gone']);
    assert.deepEqual(told(control, change(settings({}), settings({ a: 'b' }))), ['not-applicable']);
    assert.equal(control.judgesChangesOf?.({ group: '', kind: 'Secret', resource: 'secrets' }), false);
  });

  test('either form of an object counts for its selector', () => {
    const control = vap(
      { validations: [{ expression: 'oldObject == null', message: 'changed' }] },
      {},
      { matchResources: { objectSelector: { matchLabels: { kept: 'yes' } } } },
    );
    assert.deepEqual(told(control, change(settings({}, { kept: 'yes' }), settings({}))), ['fail: changed']);
    assert.deepEqual(told(control, change(settings({}), settings({}))), ['not-applicable']);
  });

  test('a policy that reads the operation speaks of states and of changes, and says nothing twice', () => {
    const control = vap({
      validations: [
        { expression: "request.operation != 'UPDATE' || object.data.mode != 'on'", message: 'switched on' },
        { expression: "object.data.mode != 'never'", message: 'never' },
      ],
    });
    assert.equal(control.judges, 'both');
    assert.deepEqual(told(control, change(settings({ mode: 'off' }), settings({ mode: 'on' }))), ['fail: switched on']);
    assert.deepEqual(told(control, change(null, settings({ mode: 'on' }))), ['pass']);
    assert.deepEqual(told(control, change(settings({ mode: 'off' }), settings({ mode: 'never' }))), ['not-applicable']);
    assert.equal(text(control.evaluate(settings({ mode: 'never' }), nobody)), 'fail: never');
  });
});

describe('redacted values', () => {
  const marker = (letter: string): string => `redacted(password):${letter.repeat(22)}`;

  test('may be told apart, and are compared with nothing else', () => {
    const same = vap({ validations: [{ expression: 'object.data.key == oldObject.data.key', message: 'changed' }] });
    const update = (before: string, after: string) => change(settings({ key: before }), settings({ key: after }));
    assert.deepEqual(told(same, update(marker('a'), marker('b'))), ['fail: changed']);
    assert.deepEqual(told(same, update(marker('a'), marker('a'))), ['pass']);
    const literal = vap({ validations: [{ expression: "oldObject == null || object.data.key != 'changeme'" }] });
    assert.deepEqual(told(literal, update(marker('a'), marker('b'))), [
      'not-assessable: it reads /data/key, whose value is redacted',
    ]);
    assert.deepEqual(told(literal, update(marker('a'), 'plain')), ['pass']);
    const whole = vap({ validations: [{ expression: 'object.data == oldObject.data', message: 'changed' }] });
    const two = (first: string, second: string) => settings({ a: marker(first), b: marker(second) });
    assert.deepEqual(told(whole, change(two('a', 'b'), two('c', 'b'))), ['fail: changed']);
    assert.deepEqual(told(whole, change(settings({ a: marker('a') }), settings({ b: marker('a') }))), [
      'fail: changed',
    ]);
  });

  test('elsewhere in the object hinder nothing', () => {
    const mode = vap({
      validations: [{ expression: "oldObject == null || object.data.mode == 'on'", message: 'off' }],
    });
    const after = settings({ mode: 'off', keys: [marker('a')], ['__proto__']: { a: marker('b') } });
    assert.deepEqual(told(mode, change(settings({}), after)), ['fail: off']);
  });
});

describe('Gatekeeper', () => {
  const constraint = (validations: readonly JsonObject[]): CompiledControl => {
    const source = { validations };
    const [control] = load(
      {
        apiVersion: 'templates.gatekeeper.sh/v1',
        kind: 'ConstraintTemplate',
        metadata: { name: 'k8sown' },
        spec: {
          crd: { spec: { names: { kind: 'K8sOwn' } } },
          targets: [{ target: 'admission.k8s.gatekeeper.sh', code: [{ engine: 'K8sNativeValidation', source }] }],
        },
      },
      {
        apiVersion: 'constraints.gatekeeper.sh/v1beta1',
        kind: 'K8sOwn',
        metadata: { name: 'own' },
        spec: { match: { kinds: [{ apiGroups: [''], kinds: ['ConfigMap'] }] } },
      },
    );
    assert.ok(control);
    return control;
  };

  test('a template that reads the request speaks of states and of changes', () => {
    const shrinks = "request.operation != 'UPDATE' || object.data.size >= oldObject.data.size";
    const control = constraint([{ expression: shrinks, message: 'it shrank' }]);
    assert.equal(control.judges, 'both');
    assert.equal(text(control.evaluate(settings({ size: 1 }), nobody)), 'pass');
    assert.deepEqual(told(control, change(settings({ size: 2 }), settings({ size: 1 }))), ['fail: it shrank']);
    const asks = constraint([{ expression: "request.userInfo.username != 'eve'", message: 'not eve' }]);
    assert.deepEqual(told(asks, change(null, settings({})), { users: [['eve'], ['adam']] }), [
      'unjudged: nobody knows request.userInfo.username of the request that made the change …',
      'fail: not eve',
      'pass',
    ]);
    assert.equal(constraint([{ expression: 'object.data.size > 0', message: 'x' }]).judges, undefined);
  });
});
