import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import { runCases } from '../cases/run-cases.ts';
import type { RelationControl } from '../language/relation-control.ts';
import { loadBundle } from './load-bundle.ts';
import { problemText } from './problem.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const framework = `apiVersion: driftline.dev/v1
kind: Framework
id: pss
title: Pod Security Standards
version: '1'
url: https://example.org/pss
requirements:
  - { id: host, title: Host namespaces }
  - { id: later, title: Not to be seen, cannotShow: it is about people }
`;

const control = `apiVersion: driftline.dev/v1
kind: Control
id: DL-POD-900
title: Pods must not share the host network
severity: high
weight: 5
category: compute
rationale: It sees the traffic of the node.
remediation: { summary: Remove it., fields: [spec.hostNetwork], impact: Nothing. }
references: [https://example.org]
frameworks: { pss: [host] }
match:
  kinds: [pod-bearing]
params: { allowed: false }
cel:
  variables:
    - { name: shares, expression: 'has(podSpec.hostNetwork) && podSpec.hostNetwork' }
  validations:
    - expression: |
        params.allowed ||
        !variables.shares
      message: shares the network of its node
      path: '{podPath}.hostNetwork'
cases:
  - name: no
    expect: pass
    objects: [{ apiVersion: v1, kind: Pod, metadata: { name: a }, spec: {} }]
  - name: yes
    expect: fail
    objects: [{ apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { hostNetwork: true } }]
`;

const relation: RelationControl = { name: 'known', evaluate: () => ({ verdict: 'pass' }) };

function load(
  text: string,
  others: {
    readonly params?: Record<string, JsonObject>;
    readonly more?: readonly { path: string; text: string }[];
  } = {},
) {
  return loadBundle({
    files: [
      { path: 'controls/c.yaml', text },
      { path: 'frameworks/pss.yaml', text: framework },
      ...(others.more ?? []),
    ],
    relations: [relation],
    sha256,
    ...(others.params === undefined ? {} : { params: others.params }),
  });
}

function problems(text: string, others: Parameters<typeof load>[1] = {}): readonly string[] {
  const result = load(text, others);
  return result.ok ? [] : result.problems.map(problemText);
}

test('a good bundle loads, frozen, with a version that is its content', () => {
  const result = load(control);
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.bundle.controls[0]?.control.meta.id, 'DL-POD-900');
  assert.equal(result.bundle.controls[0]?.control.selfContained, true);
  assert.match(result.bundle.version, /^[0-9a-f]{16}$/);
  const versionOf = (text: string, others: Parameters<typeof load>[1] = {}) => {
    const again = load(text, others);
    return again.ok ? again.bundle.version : 'refused';
  };
  assert.equal(versionOf(control), result.bundle.version);
  const others = [
    versionOf(control.replace('weight: 5', 'weight: 6')),
    versionOf(control, { params: { 'DL-POD-900': { allowed: true } } }),
    versionOf(control, { more: [{ path: 'relation/x.ts', text: 'source' }] }),
  ];
  assert.equal(new Set([result.bundle.version, ...others]).size, 4);
});

const refusals: readonly (readonly [name: string, from: string, to: string, expected: RegExp])[] = [
  ['an unknown field', 'weight: 5', 'weight: 5\nwieght: 6', /^controls\/c\.yaml:7:\d+: has no field wieght$/],
  ['a wrong severity', 'severity: high', 'severity: bad', /^controls\/c\.yaml:5:11: severity: /],
  ['a missing field', 'rationale: It sees the traffic of the node.\n', '', /^controls\/c\.yaml:1:1: rationale: /],
  [
    'an unknown set of kinds',
    'kinds: [pod-bearing]',
    'kinds: [pods]',
    /^controls\/c\.yaml:13:11: match\.kinds\[0\]: .*pod-bearing/,
  ],
  [
    'CEL that does not parse',
    '!variables.shares',
    '!variables.shares &&',
    /^controls\/c\.yaml:2[01]:\d+: expression: /,
  ],
  [
    'CEL with an unknown name, at its column',
    'params.allowed ||',
    'parms.allowed ||',
    /^controls\/c\.yaml:20:9: expression: .*parms/,
  ],
  [
    'a one-line expression, at its column',
    "'has(podSpec.hostNetwork) && podSpec",
    "'has(podSpec.hostNetwork) && podSpek",
    /^controls\/c\.yaml:17:64: expression: .*podSpek/,
  ],
  [
    'a variable that is not declared',
    '!variables.shares',
    '!variables.share',
    /^controls\/c\.yaml:21:10: expression: variables\.share is not declared/,
  ],
  [
    'an expression of the wrong type',
    'params.allowed ||\n        !variables.shares',
    '"yes"',
    /^controls\/c\.yaml:20:9: expression: gives string, must give bool$/,
  ],
  [
    'what judges a request',
    'params.allowed ||',
    'oldObject.x ||',
    /^controls\/c\.yaml:20:9: expression: oldObject is of a request/,
  ],
  [
    'an unknown placeholder',
    '{podPath}',
    '{containerPath}',
    /^controls\/c\.yaml:23:14: path: \{containerPath\} is unknown/,
  ],
  [
    'a validation without a reason',
    '      message: shares the network of its node\n',
    '',
    /^controls\/c\.yaml:19:7: cel\.validations\[0\]\.message: needs message/,
  ],
  [
    'cel and relation at once',
    'cases:',
    'relation: known\ncases:',
    /needs exactly one of cel, admission, relation and rego$/,
  ],
  [
    'an unknown requirement',
    'pss: [host]',
    'pss: [host, hosts]',
    /^controls\/c\.yaml:11:27: pss has no requirement hosts$/,
  ],
  ['a requirement nothing shows', 'pss: [host]', 'pss: [later]', /cannot be shown by a control: it is about people$/],
  ['an unknown framework', 'pss: [host]', 'psss: [host]', /there is no framework psss$/],
  [
    'cases without a failing one',
    'expect: fail',
    'expect: pass',
    /needs at least one case that passes and one that fails$/,
  ],
  ['an unknown kind of file', 'kind: Control', 'kind: Policy', /kind must be one of Framework, Exception, Control/],
  ['a key given twice', 'weight: 5', 'weight: 5\nweight: 5', /^controls\/c\.yaml:7:1: Map keys must be unique$/],
  [
    'YAML that does not parse',
    'references: [https://example.org]',
    'references: [https://example.org',
    /^controls\/c\.yaml:\d+:\d+: /,
  ],
  ['containers over kinds without any', 'kinds: [pod-bearing]', "kinds: [{ group: '', kind: Service }]", /podSpec/],
];

for (const [name, from, to, expected] of refusals) {
  test(`refused: ${name}`, () => {
    assert.ok(control.includes(from));
    const found = problems(control.replace(from, to));
    assert.ok(
      found.some((text) => expected.test(text)),
      `none of\n${found.join('\n')}\nmatches ${expected}`,
    );
  });
}

test('refused: two controls with one id, an unknown relation, parameters of nothing; and all are named at once', () => {
  const other =
    control.slice(0, control.indexOf('cel:')) + 'relation: unknown\n' + control.slice(control.indexOf('cases:'));
  const found = problems(control, {
    more: [
      { path: 'controls/d.yaml', text: control },
      { path: 'controls/e.yaml', text: other },
    ],
    params: { 'DL-POD-901': {} },
  });
  assert.deepEqual(found, [
    'controls/d.yaml:3:5: DL-POD-900 is the id of controls/c.yaml already',
    'controls/e.yaml:15:11: there is no relation control unknown',
    '(parameters):1:1: there is no control DL-POD-901 to set parameters of',
  ]);
});

test('problems of different kinds in one file are named together', () => {
  const found = problems(control.replace('params.allowed', 'parms.allowed').replace('pss: [host]', 'pss: [hosts]'));
  assert.equal(found.length, 2);
  assert.match(found.join(), /hosts.*parms/);
});

test('hostile YAML is refused, not followed', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghi'
    .split('')
    .map((key, index) => `${key}: &${key} [${`*${'abcdefgh'[index]}, `.repeat(9)}]`)
    .join('\n')}\n`;
  assert.match(problems(bomb)[0] ?? '', /controls\/c\.yaml:1:1: .*alias/i);
  assert.match(problems(`${control}---\n${control}`)[0] ?? '', /one document a file/);
  assert.match(problems('')[0] ?? '', /^controls\/c\.yaml:1:1: /);
  const polluting = control.replace(
    'params: { allowed: false }',
    'params: { __proto__: { polluted: true }, allowed: false }',
  );
  load(polluting);
  assert.equal('polluted' in {}, false);
});

const admission = `apiVersion: driftline.dev/v1
kind: Control
id: DL-CHG-900
title: A ConfigMap must not be deleted
severity: low
weight: 1
category: governance
rationale: Whoever reads it stops.
remediation: { summary: Restore it., fields: [data], impact: Nothing. }
references: [https://example.org]
frameworks: { pss: [host] }
admission:
  matchConstraints:
    resourceRules: [{ apiGroups: [''], apiVersions: [v1], operations: [DELETE], resources: [configmaps] }]
  validations:
    - expression: oldObject.metadata.name.startsWith('temporary-')
      message: it was meant to stay
cases:
  - name: a temporary one
    expect: pass
    change: { oldObject: { apiVersion: v1, kind: ConfigMap, metadata: { name: temporary-1 } } }
  - name: another one
    expect: fail
    change: { oldObject: { apiVersion: v1, kind: ConfigMap, metadata: { name: settings } } }
`;

test('a control about changes: its cases are changes, and it judges nothing else', () => {
  const result = load(admission);
  assert.ok(result.ok, JSON.stringify(result));
  const [loaded] = result.bundle.controls;
  assert.deepEqual([loaded?.control.judges, loaded?.control.kinds], ['change', []]);
  assert.deepEqual(
    runCases(result.bundle, Date.parse).map(({ difference }) => difference),
    ['', ''],
  );
  const swapped = load(
    admission.replace('expect: pass', 'expect: x').replace('fail', 'pass').replace('expect: x', 'expect: fail'),
  );
  assert.ok(swapped.ok);
  assert.deepEqual(
    runCases(swapped.bundle, Date.parse).map(({ difference }) => difference),
    ['expected fail, got pass', 'expected pass, got fail [""]'],
  );
  const refused = (from: string, to: string): string => {
    const again = load(admission.replace(from, to));
    return again.ok ? 'loaded' : again.problems.map(problemText).join();
  };
  assert.match(
    refused('oldObject.metadata', 'oldObjekt.metadata'),
    /^controls\/c\.yaml:16:19: expression: .*oldObjekt/,
  );
  assert.match(
    refused('admission:', 'match: { kinds: [pod-bearing] }\nadmission:'),
    /needs match\.kinds, or admission/,
  );
  assert.match(refused('change: { oldObject:', 'objects: [] # {'), /cases/);
  const ofState = admission.replace('[DELETE]', '[CREATE]').replace('oldObject.metadata', 'object.metadata');
  const stateful = load(ofState);
  assert.match(stateful.ok ? '' : stateful.problems.map(problemText).join(), /c\.yaml:13:3: .*write it as cel/);
});
