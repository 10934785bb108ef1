import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, Violation } from '../contract.ts';
import { createEngine } from '../engine/engine.ts';
import type { CelSection, MatchSection } from '../load/control-file.ts';
import { compileCelControl } from './compile-cel-control.ts';
import { createMatch } from './match.ts';
import { objectKeyOf } from './read-json.ts';

const meta: CompiledControl['meta'] = {
  id: 'A',
  title: 'the rule',
  severity: 'low',
  weight: 1,
  category: 'compute',
  rationale: '',
  remediation: { summary: '', fields: [], impact: '' },
  references: [],
  frameworks: [],
};

const podBearing: MatchSection = { kinds: ['pod-bearing'] };
const roles: MatchSection = { kinds: [{ group: 'rbac.authorization.k8s.io', kind: 'Role' }] };

function compile(section: CelSection, match: MatchSection = podBearing, params: JsonObject = {}): CompiledControl {
  const compiled = compileCelControl({ meta, match: createMatch(match), params, digest: '' }, section);
  assert.ok('control' in compiled, JSON.stringify(compiled));
  return compiled.control;
}

/** pass, not-applicable, `not-assessable: why`, `unjudged: why`, or the violations. */
function judge(control: CompiledControl, ...objects: readonly JsonObject[]): string | readonly Violation[] {
  const engine = createEngine({ controls: [control] });
  engine.apply(
    objects.map((after, index) => ({ key: objectKeyOf(after), uid: String(index), after })),
    0,
  );
  const verdict = engine.verdict(objectKeyOf(objects[0] ?? {}), 'A');
  if (verdict?.verdict === 'fail') return verdict.violations;
  return verdict !== undefined && 'reason' in verdict
    ? `${verdict.verdict}: ${verdict.reason}`
    : String(verdict?.verdict);
}

const text = (verdict: ReturnType<typeof judge>) => (typeof verdict === 'string' ? verdict : JSON.stringify(verdict));

const pod = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'shop', ...metadata },
  spec,
});
const latest: CelSection = {
  each: 'all-containers',
  validations: [
    {
      expression: "!container.image.endsWith(':latest')",
      messageExpression: "container.image + ' at ' + string(containerIndex)",
      message: 'latest',
      path: '{containerPath}.image',
    },
  ],
};

test('each container has its own path, value and reason, wherever the pod is', () => {
  const spec = {
    containers: [
      { name: 'ok', image: 'a:1' },
      { name: 'web', image: 'b:latest' },
    ],
    initContainers: [{ name: 'init', image: 'c:latest' }],
  };
  const expected = (prefix: string) => [
    { path: `${prefix}.containers[name=web].image`, value: 'b:latest', reason: 'b:latest at 1' },
    { path: `${prefix}.initContainers[name=init].image`, value: 'c:latest', reason: 'c:latest at 0' },
  ];
  assert.deepEqual(judge(compile(latest), pod(spec)), expected('spec'));
  const cronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c' },
    spec: { jobTemplate: { spec: { template: { spec } } } },
  };
  assert.deepEqual(judge(compile(latest), cronJob), expected('spec.jobTemplate.spec.template.spec'));
});

test('containers without names of their own are told apart by index', () => {
  const double = pod({
    containers: [
      { name: 'a', image: 'x:latest' },
      { name: 'a', image: 'y:latest' },
    ],
  });
  assert.deepEqual(
    (judge(compile(latest), double) as readonly Violation[]).map(({ path }) => path),
    ['spec.containers[0].image', 'spec.containers[1].image'],
  );
});

test('a missing field without has() is unjudged, with the expression', () => {
  const verdict = judge(compile(latest), pod({ containers: [{ name: 'a' }] }));
  assert.match(text(verdict), /^unjudged: no such key: image in !container\.image/);
});

test('what a pod-bearing controller controls is judged there; what others own is judged itself', () => {
  const owned = (apiVersion: string, kind: string) =>
    pod(
      { containers: [{ name: 'a', image: 'x:latest' }] },
      { ownerReferences: [{ apiVersion, kind, name: 'o', uid: '1', controller: true }] },
    );
  assert.equal(judge(compile(latest), owned('apps/v1', 'ReplicaSet')), 'not-applicable');
  assert.equal((judge(compile(latest), owned('example.org/v1', 'ReplicaSet')) as readonly Violation[]).length, 1);
  assert.equal((judge(compile(latest), owned('v1', 'Node')) as readonly Violation[]).length, 1);
});

test('namespaces are matched by name and beginning, exclusion first', () => {
  const rule: CelSection = { validations: [{ expression: 'false', message: 'always' }] };
  const verdictIn = (namespaces: NonNullable<MatchSection['namespaces']>) =>
    typeof judge(compile(rule, { ...podBearing, namespaces }), pod({}));
  assert.deepEqual(
    [verdictIn({ include: ['shop'] }), verdictIn({ include: ['sh*'] }), verdictIn({ exclude: ['other'] })],
    ['object', 'object', 'object'],
  );
  assert.deepEqual(
    [
      verdictIn({ include: ['shopping'] }),
      verdictIn({ exclude: ['s*'] }),
      verdictIn({ include: ['shop'], exclude: ['shop'] }),
    ],
    ['string', 'string', 'string'],
  );
});

test('any list: each.in with an item of any name', () => {
  const control = compile(
    {
      each: { in: 'has(object.rules) ? object.rules : []', as: 'rule', path: 'rules' },
      validations: [
        { expression: "!('*' in rule.verbs)", message: 'a wildcard', pathExpression: "rulePath + '.verbs'" },
      ],
    },
    roles,
  );
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' } };
  assert.equal(judge(control, role), 'pass');
  assert.deepEqual(judge(control, { ...role, rules: [{ verbs: ['get'] }, { verbs: ['*'] }] }), [
    { path: 'rules[1].verbs', value: '["*"]', reason: 'a wildcard' },
  ]);
  assert.match(text(judge(control, { ...role, rules: 'x' })), /^unjudged: each\.in must give a list/);
});

test('conditions, assessable, variables and parameters', () => {
  const control = compile(
    {
      matchConditions: [{ name: 'has-spec', expression: 'has(object.spec.mode)' }],
      assessable: [{ expression: "!object.spec.mode.startsWith('redacted(')", reason: 'the mode is redacted' }],
      variables: [
        { name: 'mode', expression: 'object.spec.mode' },
        { name: 'bad', expression: 'params.bad.exists(b, b == variables.mode)' },
        { name: 'broken', expression: 'object.spec.missing' },
      ],
      validations: [
        { expression: '!variables.bad || variables.broken == 1', message: 'bad', valueExpression: 'variables.mode' },
      ],
    },
    podBearing,
    { bad: ['off'] },
  );
  assert.equal(judge(control, pod({})), 'not-applicable');
  assert.equal(judge(control, pod({ mode: 'redacted(x):1' })), 'not-assessable: the mode is redacted');
  assert.equal(judge(control, pod({ mode: 'on' })), 'pass');
  assert.match(text(judge(control, pod({ mode: 'off' }))), /^unjudged: no such key: missing/);
  assert.deepEqual(judge(control, pod({ mode: 'off', missing: 2 })), [{ path: '', value: 'off', reason: 'bad' }]);
});

test('the namespace is a tracked read, and null when there is none', () => {
  const control = compile({
    validations: [
      {
        expression: "namespaceObject == null || !('open' in namespaceObject.metadata.labels)",
        message: 'open',
        path: '{podPath}',
      },
    ],
  });
  assert.equal(control.selfContained, false);
  assert.equal(compile(latest).selfContained, true);
  const engine = createEngine({ controls: [control] });
  const change = (after: JsonObject) => [{ key: objectKeyOf(after), uid: '1', after }];
  assert.deepEqual(engine.apply(change(pod({})), 0), []);
  const namespace = (labels: JsonObject) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', labels },
  });
  assert.deepEqual(
    engine.apply(change(namespace({ open: '' })), 0).map(({ state, finding }) => [state, finding.object.kind]),
    [['opened', 'Pod']],
  );
  assert.deepEqual(
    engine.apply(change(namespace({})), 0).map(({ state }) => state),
    ['resolved'],
  );
});

test('an evaluation that costs too much is unjudged, not slow', () => {
  const cross =
    'podSpec.containers.all(a, podSpec.containers.all(b, podSpec.containers.all(c, a.name + b.name != c.name)))';
  const control = compile({ each: 'containers', validations: [{ expression: cross, message: 'x' }] });
  const many = pod({ containers: Array.from({ length: 300 }, (_, index) => ({ name: `n${index}` })) });
  assert.match(text(judge(control, many)), /^unjudged: .*limit/);
  const pairs = 'podSpec.containers.all(a, a.name + container.name != "")';
  const each = compile({ each: 'containers', validations: [{ expression: pairs, message: 'x' }] });
  const more = pod({ containers: Array.from({ length: 3_000 }, (_, index) => ({ name: `n${index}` })) });
  assert.match(text(judge(each, more)), /^unjudged: the control spent its cost/);
});

test('a message expression that fails or is empty gives way to the message', () => {
  const rule = (messageExpression: string, message?: string): CelSection => ({
    validations: [{ expression: 'false', messageExpression, ...(message === undefined ? {} : { message }) }],
  });
  const reason = (section: CelSection) => (judge(compile(section), pod({})) as readonly Violation[])[0]?.reason;
  assert.equal(reason(rule('object.nothing', 'plain')), 'plain');
  assert.equal(reason(rule("' '", 'plain')), 'plain');
  assert.equal(reason(rule('object.nothing')), 'fails: the rule');
});
