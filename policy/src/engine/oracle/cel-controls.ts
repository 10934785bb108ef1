/** CEL controls that read in every way a section can: what is easy to overlook when one says what a control reads. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl } from '../../contract.ts';
import { compileCelControl } from '../../language/compile-cel-control.ts';
import { createMatch } from '../../language/match.ts';
import type { CelSection, MatchSection } from '../../load/control-file.ts';
import { loadBundle } from '../../load/load-bundle.ts';
import { control } from '../test-control.ts';

const pods: MatchSection['kinds'] = ['pod-bearing'];
const several: MatchSection['kinds'] = [
  'pod-bearing',
  { group: '', kind: 'Service' },
  { group: '', kind: 'Namespace' },
  { group: 'rbac.authorization.k8s.io', kind: 'Role' },
  { group: 'rbac.authorization.k8s.io', kind: 'ClusterRole' },
  { group: 'rbac.authorization.k8s.io', kind: 'RoleBinding' },
  { group: 'networking.k8s.io', kind: 'Ingress' },
];

function cel(id: string, match: MatchSection | MatchSection['kinds'], section: CelSection): CompiledControl {
  const { meta } = control(id, () => ({ verdict: 'pass' }));
  const params: JsonObject = { which: 'app', allowed: ['a', 'web'] };
  const kinds = createMatch('kinds' in match ? match : { kinds: match });
  const result = compileCelControl({ meta, match: kinds, params, digest: id }, section);
  if ('problems' in result) throw new Error(`${id}: ${result.problems.map(({ reason }) => reason).join()}`);
  return result.control;
}

const message = 'no';

export const celControls: readonly CompiledControl[] = [
  cel('cel-dynamic-index', several, {
    validations: [
      { expression: 'object.metadata.labels[params.which] in params.allowed', message },
      {
        expression:
          'object.metadata.?labels[?object.metadata.?annotations["which"].orValue("app")].orValue("") != "web"',
        message,
        path: 'metadata.labels[app]',
      },
    ],
  }),
  cel('cel-variables', pods, {
    variables: [
      { name: 'spec', expression: 'podSpec' },
      { name: 'containers', expression: 'variables.spec.containers' },
      { name: 'images', expression: 'variables.containers.map(c, c.?image.orValue(""))' },
      { name: 'named', expression: 'variables.containers.filter(c, c.name != "")' },
    ],
    validations: [
      { expression: 'variables.containers.all(c, c.?image.orValue("").contains("@"))', message },
      {
        expression: 'variables.named.all(c, has(c.resources.limits))',
        messageExpression: 'variables.images.join(",") + " of " + object.metadata.name',
        path: '{podPath}.containers',
      },
    ],
  }),
  cel('cel-namespace', several, {
    matchConditions: [{ name: 'named', expression: 'object.metadata.name != "x"' }],
    validations: [
      {
        expression: 'namespaceObject == null || namespaceObject.metadata.?labels.?team.orValue("") != "red"',
        messageExpression: '"red has " + object.metadata.name',
      },
    ],
  }),
  cel('cel-path-expression', several, {
    validations: [
      {
        expression: '!has(object.spec) || !has(object.spec.type)',
        message,
        pathExpression: 'has(object.spec.selector) ? "spec.selector" : "metadata.labels"',
      },
      {
        expression: 'object.metadata.?labels.orValue({}).all(k, k != "app")',
        message,
        path: 'metadata',
        valueExpression: 'object.metadata.labels.map(k, k + "=" + object.metadata.labels[k])',
      },
    ],
  }),
  cel('cel-items', several, {
    each: {
      in: 'has(object.rules) ? object.rules.filter(r, has(r.verbs)) : object.?spec.?ports.orValue([])',
      as: 'thing',
      path: 'rules',
    },
    validations: [
      { expression: 'thing.?port.orValue(0) != 80', message, path: '{thingPath}.port' },
      { expression: '!("*" in thing.?verbs.orValue([]))', messageExpression: '"in " + thingPath' },
    ],
  }),
  cel('cel-shadow', pods, {
    matchConditions: [{ name: 'labelled', expression: 'object.metadata.?labels.orValue({}).size() != 1' }],
    each: {
      in: 'object.metadata.?ownerReferences.orValue([]) + podSpec.?volumes.orValue([])',
      as: 'object',
      path: 'x',
    },
    validations: [{ expression: 'object.name.size() > 3', message, path: 'metadata.name' }],
  }),
  cel('cel-whole', several, {
    validations: [
      { expression: 'object.size() < 4', messageExpression: 'object.map(k, k).join(" ")' },
      { expression: 'object.all(k, k != "status")', message, path: 'status' },
    ],
  }),
  cel(
    'cel-questions',
    { kinds: pods, namespaces: { exclude: ['kube-*', 'default'] } },
    {
      matchConditions: [{ name: 'asked', expression: '!("skip" in object.metadata.?annotations.orValue({}))' }],
      assessable: [{ expression: 'podSpec.?hostNetwork.orValue(false) == false', reason: 'of the node' }],
      each: 'all-containers',
      validations: [
        { expression: 'cel.bind(s, container.?securityContext, !s.?privileged.orValue(false))', message },
        {
          expression: 'podMeta.?labels.?app.optMap(a, a != container.name).orValue(true)',
          messageExpression: '"image is " + container.image',
          path: '{podMetaPath}.labels',
        },
      ],
    },
  ),
  cel('cel-volumes', pods, {
    each: 'volumes',
    validations: [
      {
        expression:
          'has(volume.emptyDir) || podSpec.containers.exists(c, c.?volumeMounts.orValue([]).exists(m, m.name == volume.name))',
        message,
        path: '{volumePath}',
      },
    ],
  }),
  cel('cel-strange-path', pods, {
    each: 'volumes',
    validations: [{ expression: '!has(volume.hostPath)', message, path: '{podPath}.{volumePath}' }],
  }),
];

/** Admission policies, whose language declares what it reads as well. */
export function admissionControls(): readonly CompiledControl[] {
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }];
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'oracle' },
    spec: {
      matchConstraints: {
        resourceRules: rules,
        objectSelector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
      },
      matchConditions: [{ name: 'has_spec', expression: 'has(object.spec)' }],
      variables: [
        { name: 'pod', expression: 'has(object.spec.template) ? object.spec.template.spec : object.spec' },
        { name: 'containers', expression: 'variables.pod.?containers.orValue([])' },
      ],
      validations: [
        {
          expression: 'variables.containers.all(c, !c.?securityContext.?privileged.orValue(false))',
          messageExpression: 'request.name + " of " + object.metadata.?labels.?app.orValue("nobody")',
        },
        { expression: 'object.spec.?replicas.orValue(2) > 1', message: 'alone' },
      ],
    },
  };
  const binding = {
    apiVersion: policy.apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'oracle' },
    spec: { policyName: 'oracle', validationActions: ['Deny'] },
  };
  const files = [policy, binding].map((one, index) => ({ path: `${index}.yaml`, text: JSON.stringify(one) }));
  const loaded = loadBundle({ files, relations: [], sha256: (text) => text });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded));
  return loaded.bundle.controls.map((one) => one.control);
}

const podSpec: JsonObject = {
  hostNetwork: false,
  serviceAccountName: 'default',
  securityContext: {
    runAsUser: 0,
    sysctls: [{ name: 'kernel.x', value: '1' }],
    seLinuxOptions: { type: 'a', user: 'b' },
  },
  initContainers: [{ name: 'init', image: 'docker.io/x:latest', securityContext: { procMount: 'Unmasked' } }],
  containers: [
    {
      name: 'web',
      image: 'web',
      args: ['--token=abc'],
      env: [
        { name: 'PASSWORD', value: 'x' },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      ],
      ports: [{ hostPort: 80, containerPort: 80 }],
      resources: { limits: { cpu: '1' } },
      livenessProbe: { httpGet: { host: 'x', path: '/' } },
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
      securityContext: { privileged: true, capabilities: { add: ['NET_RAW'], drop: ['X'] }, runAsUser: 0 },
    },
    { name: 'side', image: 'side@sha256:0', securityContext: { privileged: true } },
  ],
  volumes: [
    { name: 'v', hostPath: { path: '/' } },
    { name: 'other', nfs: { server: 'x' } },
  ],
  spec: { volumes: [{ name: 'v', mode: 'strange' }], containers: [{ name: 'web' }] },
};
const podMeta: JsonObject = { labels: { app: 'web', tier: 'db' }, annotations: { which: 'tier', a: 'b' } };
const metadata = (name: string): JsonObject => ({
  ...podMeta,
  name,
  namespace: 'shop',
  ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', controller: true }],
});

/** Objects that fail much at once: what a control tells of them depends on most of what they have. */
export const failingObjects: readonly JsonObject[] = [
  { apiVersion: 'v1', kind: 'Pod', metadata: metadata('pod'), spec: podSpec, status: {} },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('deployment'),
    spec: { replicas: 1, template: { metadata: podMeta, spec: podSpec } },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metadata('job'),
    spec: { jobTemplate: { spec: { template: { metadata: podMeta, spec: podSpec } } } },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('web'),
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web', tier: 'db' },
      ports: [{ port: 80 }],
      externalIPs: ['1.2.3.4'],
    },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadata('web'),
    spec: { rules: [{ host: 'x', http: { paths: [{ backend: { service: { name: 'web' } } }] } }], type: 'x' },
  },
];
