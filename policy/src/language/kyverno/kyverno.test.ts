import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Json, JsonObject } from '@driftline/proto';
import type { CompiledControl, TrackedView, Verdict } from '../../contract.ts';
import { createEngine } from '../../engine/engine.ts';
import { loadBundle } from '../../load/load-bundle.ts';
import { problemText } from '../../load/problem.ts';
import { objectKeyOf } from '../read-json.ts';
import { compileConditions, type ConditionsSection } from './condition.ts';
import { matchPattern } from './pattern.ts';
import { matchesScalar } from './scalar-pattern.ts';
import { isInRange } from './semver-range.ts';
import { compileTemplate } from './template.ts';
import { matchesWildcard } from './wildcard.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function load(...documents: readonly JsonObject[]) {
  const files = documents.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const result = loadBundle({ files, relations: [], sha256 });
  return result.ok
    ? { controls: result.bundle.controls.map(({ control }) => control), notes: result.bundle.notes.map(problemText) }
    : { problems: result.problems.map(problemText) };
}

function controlsOf(...documents: readonly JsonObject[]): readonly CompiledControl[] {
  const loaded = load(...documents);
  assert.ok('controls' in loaded, JSON.stringify(loaded));
  return loaded.controls ?? [];
}

function verdictOf(control: CompiledControl, ...objects: readonly JsonObject[]): Verdict | undefined {
  const engine = createEngine({ controls: [control] });
  const changes = objects.map((after, index) => ({ key: objectKeyOf(after), uid: String(index), after }));
  engine.apply(changes, 0);
  return engine.verdict(objectKeyOf(objects[0] ?? {}), control.meta.id);
}

const policy = (rule: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'kyverno.io/v1',
  kind: 'ClusterPolicy',
  metadata: { name: 'p', ...metadata },
  spec: { rules: [{ name: 'r', match: { any: [{ resources: { kinds: ['Pod'] } }] }, ...rule }] },
});

const pod = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'shop', ...metadata },
  spec,
});

test('wildcards', () => {
  const cases: readonly [string, string, boolean][] = [
    ['*', '', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbb', false],
    ['?', '', false],
    ['?*', 'x', true],
    ['*:*@*', 'r/i:1@sha', true],
    ['a?c', 'a*c', true],
    ['a', 'A', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(matchesWildcard(pattern, text), expected, `${pattern} ${text}`);
  assert.equal(matchesWildcard(`${'*a'.repeat(50)}b`, 'a'.repeat(20_000)), false);
});

test('scalar patterns', () => {
  const cases: readonly [Json | undefined, Json, boolean][] = [
    ['nginx:1', '!*:latest', true],
    ['nginx:latest', '!*:latest', false],
    [undefined, '?*', false],
    ['x', '?*', true],
    ['100Mi', '<=1Gi', true],
    ['2Gi', '<=1Gi', false],
    ['90s', '>1m', true],
    [3, '1-5', true],
    [9, '1-5', false],
    [9, '1!-5', true],
    ['b', 'a | b', true],
    [7, '>5 & <10', true],
    [12, '>5 & <10', false],
    [true, true, true],
    ['true', true, false],
    [5, 5, true],
    ['5', 5, true],
    [undefined, null, true],
    ['x', null, false],
    [undefined, '>0', false],
    [{ a: 1 }, 'x', false],
  ];
  for (const [value, pattern, expected] of cases)
    assert.equal(matchesScalar(value, pattern), expected, `${JSON.stringify(value)} ${JSON.stringify(pattern)}`);
});

test('anchors, and every mismatch with its path', () => {
  const container = (name: string, more: JsonObject) => ({ name, ...more });
  const match = (value: Json, pattern: Json) => {
    const result = matchPattern(value, pattern, '');
    return result.kind === 'mismatch' ? result.mismatches.map(({ path }) => path) : result.kind;
  };
  const spec = { containers: [container('a', { image: 'x:1' }), container('b', { image: 'y' }), container('c', {})] };
  assert.deepEqual(match({ spec }, { spec: { containers: [{ image: '*:*' }] } }), [
    'spec.containers[name=b].image',
    'spec.containers[name=c].image',
  ]);
  assert.equal(match({ spec }, { spec: { '=(initContainers)': [{ image: '*:*' }] } }), 'match');
  assert.equal(match({ spec }, { spec: { containers: [{ '(name)': 'a', image: 'x:*' }] } }), 'match');
  assert.equal(match({ spec }, { spec: { containers: [{ '(name)': 'z', image: 'x:*' }] } }), 'skip');
  assert.deepEqual(match({ spec }, { '<(kind)': 'Pod', spec: '?*' }), ['spec']);
  assert.equal(match({ kind: 'Job', spec }, { '<(kind)': 'Pod', spec: {} }), 'skip-all');
  assert.deepEqual(match({ spec: { hostPath: 1 } }, { spec: { 'X(hostPath)': null } }), ['spec.hostPath']);
  assert.equal(match({ spec }, { spec: { '^(containers)': [{ name: 'b' }] } }), 'match');
  assert.deepEqual(match({ spec }, { spec: { '^(containers)': [{ name: 'q' }] } }), ['spec.containers']);
  assert.deepEqual(match({ m: { 'app/x': '' } }, { m: { 'app/*': '?*' } }), ['m[app/x]']);
  assert.deepEqual(match({ ports: [80, 443] }, { ports: ['<100'] }), ['ports[1]']);
  assert.deepEqual(match({ a: null }, { a: '*' }), ['a']);
});

test('templates: whole values, texts, nesting, escapes, and what is not there', () => {
  const data = { request: { object: { metadata: { labels: { a: 'x' } } } }, name: 'a', list: [1, 2] };
  const run = (text: Json, isLenient = false) => compileTemplate(text)({ data, isLenient });
  assert.deepEqual(run('{{ list }}'), [1, 2]);
  assert.equal(run('n={{ length(list) }}!'), 'n=2!');
  assert.equal(run('{{ request.object.metadata.labels.{{ name }} }}'), 'x');
  assert.equal(run('\\{{ name }}'), '{{ name }}');
  assert.deepEqual(run({ a: ['{{ name }}', 1] }), { a: ['a', 1] });
  assert.deepEqual(run('{{ {x: name} }}'), { x: 'a' });
  assert.throws(() => run('{{ request.object.spec }}'), /finds nothing/);
  assert.equal(run('{{ request.object.spec }}', true), null);
  assert.equal(run("{{ request.object.spec || 'none' }}"), 'none');
  assert.equal(run("{{ regex_match('^a$', name) }}"), true);
  assert.equal(run('{{ to_upper(name) }}'), 'A');
  assert.throws(() => compileTemplate('{{ random(`1`) }}'), /random is not supported/);
  assert.throws(() => compileTemplate('{{ a ='), /without \}\}/);
  assert.throws(() => compileTemplate('$(./../a)'), /not supported/);
});

test('conditions', () => {
  const holds = (key: Json, operator: string, value: Json) =>
    compileConditions({ all: [{ key, operator, value }] } as ConditionsSection).hold({ data: {}, isLenient: false });
  const cases: readonly [Json, string, Json, boolean][] = [
    ['a', 'Equals', 'a*', true],
    ['1h', 'Equals', '60m', true],
    ['a', 'NotEquals', 'b', true],
    [['a', 'b'], 'AnyIn', ['b', 'c'], true],
    [['a', 'b'], 'AllIn', ['b', 'c'], false],
    [['a', 'b'], 'AnyNotIn', ['b', 'c'], true],
    [['a'], 'AllNotIn', ['b'], true],
    ['x', 'AnyIn', '["x","y"]', true],
    [5, 'AnyIn', '1-9', true],
    [null, 'AnyIn', ['a'], false],
    ['2Gi', 'GreaterThan', '1Gi', true],
    [1, 'LessThanOrEquals', 1, true],
    [[], 'AnyIn', ['a'], false],
    [true, 'Equals', true, true],
  ];
  for (const [key, operator, value, expected] of cases)
    assert.equal(holds(key, operator, value), expected, JSON.stringify([key, operator, value]));
  const any = compileConditions({ any: [{ key: 'a', operator: 'Equals', value: 'b' }], all: [] });
  assert.equal(any.hold({ data: {}, isLenient: false }), false);
});

test('version ranges', () => {
  const cases: readonly [string, string, boolean][] = [
    ['1.2.3', '>=1.2.0', true],
    ['1.2.3', '>=1.0.0 <1.2.0 || 3.x', false],
    ['3.9.1', '>=1.0.0 <1.2.0 || 3.x', true],
    ['v1.0.0-rc.1', '<1.0.0', true],
  ];
  for (const [version, range, expected] of cases)
    assert.equal(isInRange(version, range), expected, `${version} ${range}`);
  assert.throws(() => isInRange('latest', '1.x'), /no version/);
});

test('a rule about pods judges what makes pods, at the place of the field; and not their pods again', () => {
  const [control] = controlsOf(
    policy({ validate: { message: 'no tag', pattern: { spec: { containers: [{ image: '*:*' }] } } } }),
  );
  assert.ok(control);
  const spec = { containers: [{ name: 'web', image: 'x' }] };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { template: { spec } },
  };
  assert.deepEqual(verdictOf(control, deployment), {
    verdict: 'fail',
    violations: [{ path: 'spec.template.spec.containers[name=web].image', value: 'x', reason: 'no tag: must be *:*' }],
  });
  assert.equal(verdictOf(control, pod(spec))?.verdict, 'fail');
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'd', uid: '1', controller: true };
  assert.equal(verdictOf(control, pod(spec, { ownerReferences: [owner] }))?.verdict, 'not-applicable');
  const annotations = { 'pod-policies.kyverno.io/autogen-controllers': 'none' };
  const [alone] = controlsOf(policy({ validate: { pattern: { spec: {} } } }, { annotations }));
  assert.equal(alone?.judgesKind?.({ group: 'apps', kind: 'Deployment' }), false);
});

test('foreach, preconditions and context; a ConfigMap is a tracked read', () => {
  const [control] = controlsOf(
    policy({
      context: [{ name: 'allowed', configMap: { name: 'registries', namespace: 'policy' } }],
      preconditions: { all: [{ key: '{{ request.object.spec.skip }}', operator: 'NotEquals', value: true }] },
      validate: {
        message: 'registry',
        foreach: [
          {
            list: 'request.object.spec.containers',
            deny: {
              conditions: {
                all: [
                  {
                    key: '{{ images.containers.{{ element.name }}.registry }}',
                    operator: 'AnyNotIn',
                    value: '{{ allowed.data.list }}',
                  },
                ],
              },
            },
          },
        ],
      },
    }),
  );
  assert.ok(control);
  const map = (list: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'registries', namespace: 'policy' },
    data: { list },
  });
  const one = pod({
    skip: false,
    containers: [
      { name: 'a', image: 'x' },
      { name: 'b', image: 'ghcr.io/y:1' },
    ],
  });
  const engine = createEngine({ controls: [control] });
  const apply = (after: JsonObject) =>
    engine.apply([{ key: objectKeyOf(after), uid: 'u', after }], 0).map(({ finding, state }) => [finding.path, state]);
  assert.deepEqual(apply(one), []);
  assert.equal(engine.verdict(objectKeyOf(one), control.meta.id)?.verdict, 'unjudged');
  assert.deepEqual(apply(map('["docker.io"]')), [['spec.containers[name=b]', 'opened']]);
  assert.deepEqual(apply(map('["docker.io","ghcr.io"]')), [['spec.containers[name=b]', 'resolved']]);
});

test('an exception takes objects out; other rules are noted; a request is judged as a change', () => {
  const exception = {
    apiVersion: 'kyverno.io/v2',
    kind: 'PolicyException',
    metadata: { name: 'e' },
    spec: {
      exceptions: [{ policyName: 'p', ruleNames: ['r'] }],
      match: { any: [{ resources: { kinds: ['Pod'], names: ['legacy-*'] } }] },
    },
  };
  const rule = { validate: { pattern: { spec: { hostNetwork: false } } } };
  const [control] = controlsOf(policy(rule), exception);
  assert.ok(control);
  assert.equal(verdictOf(control, pod({ hostNetwork: true }))?.verdict, 'fail');
  assert.equal(verdictOf(control, pod({ hostNetwork: true }, { name: 'legacy-1' }))?.verdict, 'not-applicable');
  const noted = load(policy({ mutate: { patchStrategicMerge: {} } }));
  assert.match(noted.notes?.[0] ?? '', /^0\.yaml:1:\d+: r: mutate is not evaluated$/);
  const kinds = ['Pod', 'v1/Service', 'v1/Pod/exec', 'PodAttachOptions'];
  const unobserved = load(policy({ match: { any: [{ resources: { kinds } }] }, validate: { deny: {} } }));
  assert.match(unobserved.notes?.join() ?? '', /: r: requests for PodAttachOptions, v1\/Pod\/exec are not evaluated/);
  const subjects = [{ kind: 'User', name: 'eve' }];
  const [change] = controlsOf(
    policy({ match: { any: [{ resources: { kinds: ['Pod'] }, subjects }] }, validate: { deny: {} } }),
  );
  assert.equal(change?.judges, 'change');
  const ask = (username: string) =>
    change?.evaluateChange?.(
      { object: pod({}), oldObject: null, request: { operation: 'CREATE', userInfo: { username } } },
      {} as TrackedView,
    ).verdict;
  assert.deepEqual([ask('eve'), ask('adam')], ['fail', 'not-applicable']);
});

const refused: readonly (readonly [name: string, rule: JsonObject, expected: RegExp])[] = [
  [
    'an API call',
    { context: [{ name: 'x', apiCall: { urlPath: '/' } }], validate: { deny: {} } },
    /apiCall is not supported/,
  ],
  ['two forms at once', { validate: { deny: {}, pattern: {} } }, /exactly one of pattern/],
  ['an unknown field', { validate: { patern: {} } }, /no field patern/],
  ['an unknown operator', { validate: { deny: { conditions: [{ key: 1, operator: 'Like', value: 1 }] } } }, /operator/],
  [
    'CEL that does not compile',
    { validate: { cel: { expressions: [{ expression: 'objct.a' }] } } },
    /undeclared reference to 'objct'/,
  ],
  [
    'JMESPath that does not parse',
    { validate: { message: 'm', deny: { conditions: [{ key: '{{ a[ }}', operator: 'Equals', value: 1 }] } } },
    /0\.yaml:1:\d+/,
  ],
  [
    'the Standards without their controls',
    { validate: { podSecurity: { level: 'baseline' } } },
    /needs the Pod Security controls/,
  ],
];

const standards: JsonObject = {
  apiVersion: 'driftline.dev/v1',
  kind: 'Framework',
  id: 'pss',
  title: 'Standards',
  version: '1',
  url: 'https://example.org',
  requirements: [{ id: 'baseline/host-ports', title: 'Host ports' }],
};
const pods = [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }];
const hostPorts = (expression: string): JsonObject => ({
  apiVersion: 'driftline.dev/v1',
  kind: 'Control',
  id: 'XX-POD-001',
  title: 'No host ports',
  severity: 'low',
  weight: 1,
  category: 'compute',
  rationale: 'It says nothing.',
  remediation: { summary: 'None.', fields: ['spec'], impact: 'none' },
  references: ['https://example.org'],
  frameworks: { pss: ['baseline/host-ports'] },
  match: { kinds: [{ group: '', kind: 'Pod' }] },
  cel: { validations: [{ expression, message: 'no' }] },
  cases: [
    { name: 'one', expect: 'pass', objects: pods },
    { name: 'two', expect: 'fail', objects: pods },
  ],
});

test('a podSecurity rule is another one when a control that answers it is', () => {
  const rule = policy({ validate: { podSecurity: { level: 'baseline' } } });
  const digest = (expression: string) =>
    controlsOf(standards, hostPorts(expression), rule).find(({ language }) => language === 'kyverno')?.digest;
  assert.ok(digest('true') !== undefined);
  assert.equal(digest('true'), digest('true'));
  assert.notEqual(digest('true'), digest('false'));
});

for (const [name, rule, expected] of refused) {
  test(`refused: ${name}`, () => assert.match(load(policy(rule)).problems?.join('\n') ?? 'loaded', expected));
}
