import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, TrackedView } from '../../contract.ts';
import { createEngine } from '../../engine/engine.ts';
import { loadBundle } from '../../load/load-bundle.ts';
import { problemText } from '../../load/problem.ts';
import { objectKeyOf } from '../read-json.ts';
import { resourceNameOf } from './resource-name.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const rules = [
  { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
];

const policy = (spec: JsonObject): JsonObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'replicas', annotations: { 'driftline.dev/severity': 'high' } },
  spec: { matchConstraints: { resourceRules: rules }, ...spec },
});

const binding = (spec: JsonObject = {}, name = 'everywhere'): JsonObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name },
  spec: { policyName: 'replicas', validationActions: ['Deny'], ...spec },
});

function load(...documents: readonly JsonObject[]) {
  const files = documents.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const result = loadBundle({ files, relations: [], sha256 });
  return result.ok
    ? { controls: result.bundle.controls.map(({ control }) => control), notes: result.bundle.notes.map(problemText) }
    : { problems: result.problems.map(problemText) };
}

function only(...documents: readonly JsonObject[]): CompiledControl {
  const { controls, problems } = load(...documents);
  assert.equal(controls?.length, 1, JSON.stringify(problems));
  return controls?.[0] as CompiledControl;
}

const deployment = (replicas: number, namespace = 'shop'): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace, labels: { app: 'web' } },
  spec: { replicas },
});

const namespace = (name: string, labels: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

/** Transitions of applying the objects one after the other, as `state reason`. */
function told(control: CompiledControl, ...objects: readonly JsonObject[]): readonly string[] {
  const engine = createEngine({ controls: [control] });
  return objects.flatMap((after) =>
    engine.apply([{ key: objectKeyOf(after), uid: '1', after }], 0).map(({ state, reason }) => `${state} ${reason}`),
  );
}

test('a policy and its binding are one control, with the message of the policy', () => {
  const control = only(
    policy({
      variables: [{ name: 'count', expression: 'object.spec.replicas' }],
      validations: [
        { expression: 'variables.count <= 5', messageExpression: "'has ' + string(variables.count)" },
        { expression: 'variables.count != 13', message: 'unlucky' },
      ],
    }),
    binding(),
  );
  assert.deepEqual([control.meta.id, control.meta.severity], ['vap/replicas/everywhere', 'high']);
  assert.deepEqual(told(control, deployment(13), deployment(3)), [
    'opened has 13; unlucky',
    'resolved no longer fails',
  ]);
  assert.deepEqual(told(control, { ...deployment(13), kind: 'StatefulSet' }), []);
});

test('match conditions and namespace selectors; a label of the Namespace is a tracked read', () => {
  const control = only(
    policy({
      matchConditions: [{ name: 'ours', expression: "object.metadata.labels.app == 'web'" }],
      validations: [{ expression: 'object.spec.replicas < 5', message: 'many' }],
    }),
    binding({ matchResources: { namespaceSelector: { matchLabels: { env: 'prod' } } } }),
  );
  assert.deepEqual(
    told(control, deployment(9), namespace('shop', { env: 'prod' }), namespace('shop', { env: 'dev' })),
    ['opened many', 'resolved the control no longer applies'],
  );
});

test('parameters are objects of the cluster, and missing ones are what the binding says', () => {
  const withParams = policy({
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      { expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: "'max ' + params.data.max" },
    ],
  });
  const limits = (max: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'limits', namespace: 'shop' },
    data: { max },
  });
  const deny = only(withParams, binding({ paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } }));
  assert.deepEqual(told(deny, deployment(9), limits('5'), limits('10')), [
    'opened no parameters: there is no ConfigMap as its binding names it',
    'updated max 5',
    'resolved no longer fails',
  ]);
  const allow = only(withParams, binding({ paramRef: { name: 'limits', parameterNotFoundAction: 'Allow' } }));
  assert.deepEqual(told(allow, deployment(9)), []);
});

test('a match condition sees the parameters, for each of them anew; one that is false decides whatever fails beside it', () => {
  const limits = (name: string, max: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', labels: { is: 'limit' } },
    data: { max, app: name },
  });
  const control = only(
    policy({
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConditions: [
        { name: 'broken', expression: 'object.spec.none == params.data.app' },
        { name: 'its-own', expression: 'object.metadata.labels.app == params.data.app' },
      ],
      validations: [
        { expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: "'max ' + params.data.max" },
      ],
    }),
    binding({ paramRef: { selector: { matchLabels: { is: 'limit' } }, parameterNotFoundAction: 'Deny' } }),
  );
  assert.deepEqual(told(control, deployment(9), limits('api', '1')), [
    'opened no parameters: there is no ConfigMap as its binding names it',
    'resolved the control no longer applies',
  ]);
  const whole = only(
    policy({
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConditions: [{ name: 'its-own', expression: 'object.metadata.labels.app == params.data.app' }],
      validations: [
        { expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: "'max ' + params.data.max" },
      ],
    }),
    binding({ paramRef: { selector: { matchLabels: { is: 'limit' } } } }),
  );
  assert.deepEqual(told(whole, limits('api', '1'), limits('web', '5'), deployment(9)), ['opened max 5']);
});

test('what reads the object before or the requester judges changes, never states', () => {
  const control = only(
    policy({
      validations: [
        { expression: 'oldObject == null || object.spec.replicas >= oldObject.spec.replicas', message: 'fewer' },
      ],
    }),
    binding(),
  );
  assert.equal(control.judges, 'change');
  assert.deepEqual(told(control, deployment(9), deployment(1)), []);
  const change = (before: number, after: number) =>
    control.evaluateChange?.(
      { object: deployment(after), oldObject: deployment(before), request: { operation: 'UPDATE' } },
      {} as TrackedView,
    ).verdict;
  assert.deepEqual([change(9, 1), change(1, 9)], ['fail', 'pass']);
  const user = only(policy({ validations: [{ expression: "request.userInfo.username != 'eve'" }] }), binding());
  assert.equal(user.judges, 'change');
});

test('one validation that fails is a failure whatever becomes of the others; an error alone is unjudged', () => {
  const both = only(
    policy({ validations: [{ expression: 'object.spec.none > 1' }, { expression: 'false', message: 'no' }] }),
    binding(),
  );
  assert.deepEqual(told(both, deployment(1)), ['opened no']);
  const error = only(policy({ validations: [{ expression: 'object.spec.none > 1' }] }), binding());
  const engine = createEngine({ controls: [error] });
  engine.apply([{ key: objectKeyOf(deployment(1)), uid: '1', after: deployment(1) }], 0);
  assert.equal(engine.verdict(objectKeyOf(deployment(1)), error.meta.id)?.verdict, 'unjudged');
});

test('problems have their place; a policy without a binding is noted', () => {
  const bad = load(policy({ validations: [{ expression: 'authorizer.allowed()' }] }), binding());
  assert.match(bad.problems?.join() ?? '', /^0\.yaml:1:\d+: expression: 'authorizer' is not supported/);
  const early = load(
    policy({
      variables: [{ name: 'app', expression: "'web'" }],
      matchConditions: [{ name: 'ours', expression: "variables.app == 'web'" }],
    }),
    binding(),
  );
  assert.match(early.problems?.join() ?? '', /match conditions see no variables/);
  assert.match(load(binding()).problems?.join() ?? '', /there is no policy replicas/);
  assert.match(load(policy({ validations: [{ expression: 'true' }] })).notes?.join() ?? '', /has no binding/);
  assert.match(load(policy({ validation: [] }), binding()).problems?.join() ?? '', /no field validation/);
});

test('what no observed change answers is said when the policy is loaded', () => {
  const about = (...resourceRules: readonly JsonObject[]) =>
    load(policy({ matchConstraints: { resourceRules }, validations: [{ expression: 'false' }] }), binding()).notes;
  const core = { apiGroups: [''], apiVersions: ['v1'] };
  assert.match(
    about(
      { ...core, operations: ['CREATE'], resources: ['pods', 'pods/ephemeralcontainers', 'pods/*'] },
      { ...core, operations: ['CONNECT'], resources: ['nodes/proxy'] },
    )?.join() ?? '',
    /^0\.yaml:1:\d+: requests for nodes\/proxy, pods\/ephemeralcontainers are not evaluated/,
  );
  assert.match(about({ ...core, operations: ['CONNECT'], resources: ['*'] })?.join() ?? '', /requests for \* are not/);
  assert.deepEqual(about({ ...core, operations: ['*'], resources: ['*', 'pods/*'] }), []);
});

test('plurals as the API machinery guesses them', () => {
  const kinds = ['Pod', 'Ingress', 'NetworkPolicy', 'Endpoints', 'StorageClass', 'EndpointSlice'];
  assert.deepEqual(kinds.map(resourceNameOf), [
    'pods',
    'ingresses',
    'networkpolicies',
    'endpoints',
    'storageclasses',
    'endpointslices',
  ]);
});
