/**
 * A cluster as an API server would list it: namespaces that look alike, each with workloads and what belongs to them,
 * with managedFields and status. How many objects one namespace holds does not depend on the size of the cluster.
 */
import type { JsonObject } from '@driftline/proto';
import { withManagers } from './managed-fields.ts';
import { podTemplate } from './pod-template.ts';
import { type Random, createRandom, uidOf } from './random.ts';

export type WorldKind = {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
};

export type WorldObject = { readonly kind: WorldKind; readonly object: JsonObject };

const kindOf = (group: string, resource: string, kind: string, isNamespaced = true): WorldKind => ({
  group,
  version: 'v1',
  resource,
  kind,
  isNamespaced,
});

export const kinds = {
  namespace: kindOf('', 'namespaces', 'Namespace', false),
  deployment: kindOf('apps', 'deployments', 'Deployment'),
  replicaSet: kindOf('apps', 'replicasets', 'ReplicaSet'),
  pod: kindOf('', 'pods', 'Pod'),
  service: kindOf('', 'services', 'Service'),
  configMap: kindOf('', 'configmaps', 'ConfigMap'),
  secret: kindOf('', 'secrets', 'Secret'),
  serviceAccount: kindOf('', 'serviceaccounts', 'ServiceAccount'),
  role: kindOf('rbac.authorization.k8s.io', 'roles', 'Role'),
  roleBinding: kindOf('rbac.authorization.k8s.io', 'rolebindings', 'RoleBinding'),
  clusterRole: kindOf('rbac.authorization.k8s.io', 'clusterroles', 'ClusterRole', false),
  clusterRoleBinding: kindOf('rbac.authorization.k8s.io', 'clusterrolebindings', 'ClusterRoleBinding', false),
  ingress: kindOf('networking.k8s.io', 'ingresses', 'Ingress'),
  networkPolicy: kindOf('networking.k8s.io', 'networkpolicies', 'NetworkPolicy'),
} as const;

export const worldKinds: readonly WorldKind[] = Object.values(kinds);

const created = '2026-01-05T08:00:00Z';
const rbac = 'rbac.authorization.k8s.io';

type Place = { readonly random: Random; readonly namespace: string; readonly app: string; readonly index: number };

/** The object with identity, managers and status as an API server adds them. */
export function made(
  kind: WorldKind,
  metadata: { readonly name: string; readonly namespace?: string } & JsonObject,
  body: JsonObject & { readonly status?: JsonObject },
  random: Random,
): WorldObject {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  const uid = uidOf(random);
  const full = { ...metadata, creationTimestamp: created, resourceVersion: '1', generation: 1, uid };
  return { kind, object: withManagers({ apiVersion, kind: kind.kind, metadata: full, ...body }) };
}

function labelsOf({ app, namespace, index }: Place): JsonObject {
  return {
    'app.kubernetes.io/name': app,
    'app.kubernetes.io/instance': `${app}-${index}`,
    'app.kubernetes.io/part-of': namespace,
    'app.kubernetes.io/managed-by': 'Helm',
    'helm.sh/chart': `${app}-1.${index}.0`,
    owner: `team-${namespace}`,
    ...(index % 4 === 0 ? {} : { environment: 'production', 'data-classification': 'internal' }),
  };
}

function workloads(place: Place): readonly WorldObject[] {
  const { random, namespace, app, index } = place;
  const labels = labelsOf(place);
  const match = { matchLabels: { 'app.kubernetes.io/instance': `${app}-${index}` } };
  const template = { metadata: { labels }, spec: podTemplate(place) };
  const revision = { 'deployment.kubernetes.io/revision': '1' };
  const hash = random.hex(10);
  const replicas = 2;
  const deployment = made(
    kinds.deployment,
    {
      name: app,
      namespace,
      labels,
      annotations: { ...revision, 'meta.helm.sh/release-name': app, 'meta.helm.sh/release-namespace': namespace },
    },
    {
      spec: {
        progressDeadlineSeconds: 600,
        replicas,
        revisionHistoryLimit: 10,
        selector: match,
        strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
        template,
      },
      status: {
        availableReplicas: replicas,
        observedGeneration: 1,
        readyReplicas: replicas,
        replicas,
        conditions: [
          { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', lastTransitionTime: created },
        ],
      },
    },
    random,
  );
  const owner = (of: WorldObject, name: string): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: of.kind.kind,
    name,
    uid: ((of.object['metadata'] as JsonObject)['uid'] as string) ?? '',
    controller: true,
    blockOwnerDeletion: true,
  });
  const setName = `${app}-${hash}`;
  const replicaSet = made(
    kinds.replicaSet,
    { name: setName, namespace, labels, annotations: revision, ownerReferences: [owner(deployment, app)] },
    {
      spec: { replicas, selector: match, template },
      status: { replicas, readyReplicas: replicas, observedGeneration: 1 },
    },
    random,
  );
  const pods = Array.from({ length: replicas }, () => pod(place, template, owner(replicaSet, setName), setName));
  return [deployment, replicaSet, ...pods];
}

function pod(place: Place, template: JsonObject, owner: JsonObject, setName: string): WorldObject {
  const { random, namespace } = place;
  const spec = template['spec'] as JsonObject;
  const containers = spec['containers'] as readonly JsonObject[];
  return made(
    kinds.pod,
    {
      name: `${setName}-${random.hex(5)}`,
      namespace,
      labels: (template['metadata'] as JsonObject)['labels'] as JsonObject,
      ownerReferences: [owner],
    },
    {
      spec: { ...spec, nodeName: `node-${random.below(40)}`, enableServiceLinks: true, priority: 0 },
      status: {
        phase: 'Running',
        podIP: `10.1.${random.below(250)}.${random.below(250)}`,
        hostIP: `10.0.0.${random.below(250)}`,
        startTime: created,
        containerStatuses: containers.map((container) => ({
          name: container['name'] ?? '',
          image: container['image'] ?? '',
          imageID: `registry.example.com/x@sha256:${random.hex(64)}`,
          ready: true,
          restartCount: 0,
          started: true,
        })),
      },
    },
    random,
  );
}

function around(place: Place): readonly WorldObject[] {
  const { random, namespace, app, index } = place;
  const labels = labelsOf(place);
  const metadata = (name: string): { name: string; namespace: string; labels: JsonObject } => ({
    name,
    namespace,
    labels,
  });
  const service = made(
    kinds.service,
    metadata(app),
    {
      spec: {
        type: index % 9 === 0 ? 'LoadBalancer' : 'ClusterIP',
        selector: { 'app.kubernetes.io/instance': `${app}-${index}` },
        ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
        clusterIP: `10.96.${random.below(250)}.${random.below(250)}`,
      },
      status: { loadBalancer: {} },
    },
    random,
  );
  const settings = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [
      `setting-${i}.properties`,
      `level=${random.below(5)}\nname=${random.hex(8)}`,
    ]),
  );
  const configMap = made(kinds.configMap, metadata(`${app}-config`), { data: settings }, random);
  const account = made(kinds.serviceAccount, metadata(app), { automountServiceAccountToken: index % 3 === 0 }, random);
  if (index % 3 !== 0) return [service, configMap, account];
  const host = `${app}.${namespace}.example.com`;
  const ingress = made(
    kinds.ingress,
    metadata(app),
    {
      spec: {
        ingressClassName: 'nginx',
        ...(index % 6 === 0 ? {} : { tls: [{ hosts: [host], secretName: `${app}-tls` }] }),
        rules: [
          {
            host,
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: app, port: { name: 'http' } } } }],
            },
          },
        ],
      },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
    },
    random,
  );
  const secret = made(
    kinds.secret,
    metadata(`${app}-tls`),
    { type: 'kubernetes.io/tls', data: { 'tls.crt': random.hex(64), 'tls.key': random.hex(64) } },
    random,
  );
  return [service, configMap, account, ingress, secret];
}

function access(random: Random, namespace: string): readonly WorldObject[] {
  const role = made(
    kinds.role,
    { name: 'developer', namespace },
    {
      rules: [
        { apiGroups: [''], resources: ['pods', 'pods/log', 'configmaps'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'patch'] },
      ],
    },
    random,
  );
  const binding = made(
    kinds.roleBinding,
    { name: 'developers', namespace },
    {
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'developer' },
      subjects: [{ kind: 'Group', apiGroup: rbac, name: `team-${namespace}` }],
    },
    random,
  );
  const operator = made(
    kinds.clusterRole,
    { name: `${namespace}-operator` },
    { rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch'] }] },
    random,
  );
  const bound = made(
    kinds.clusterRoleBinding,
    { name: `${namespace}-operator` },
    {
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: `${namespace}-operator` },
      subjects: [{ kind: 'ServiceAccount', name: 'app-0', namespace }],
    },
    random,
  );
  return [role, binding, operator, bound];
}

/** One namespace with everything in it: about 90 objects. */
function* namespaceObjects(random: Random, number: number): Generator<WorldObject> {
  const namespace = `shop-${number}`;
  const enforce = number % 3 === 0 ? {} : { 'pod-security.kubernetes.io/enforce': 'baseline' };
  yield made(
    kinds.namespace,
    { name: namespace, labels: { 'kubernetes.io/metadata.name': namespace, owner: `team-${namespace}`, ...enforce } },
    { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
    random,
  );
  if (number % 2 === 0)
    yield made(
      kinds.networkPolicy,
      { name: 'default-deny', namespace },
      { spec: { podSelector: {}, policyTypes: ['Ingress'] } },
      random,
    );
  yield* access(random, namespace);
  for (let index = 0; index < 10; index += 1) {
    const place = { random, namespace, app: `app-${index}`, index };
    yield* around(place);
    yield* workloads(place);
  }
}

/** The first `count` objects of the endless cluster that `seed` names. */
export function worldOf(count: number, seed = 1): WorldObject[] {
  const random = createRandom(seed);
  const objects: WorldObject[] = [];
  for (let number = 0; objects.length < count; number += 1)
    for (const object of namespaceObjects(random, number)) if (objects.length < count) objects.push(object);
  return objects;
}

/** One Deployment as the API server sends it, brought to 4 KiB of canonical form by its annotation. */
export function fixedDeployment(): JsonObject {
  const found = worldOf(60, 7).find(({ kind }) => kind === kinds.deployment);
  if (found === undefined) throw new Error('the world has no Deployment');
  const { object } = found;
  const metadata = object['metadata'] as JsonObject;
  const { managedFields, ...rest } = metadata;
  const bare = JSON.stringify({ ...object, metadata: rest }).length;
  const note = 'x'.repeat(Math.max(0, 4096 - bare - '"note":"",'.length));
  const annotations = { ...(metadata['annotations'] as JsonObject), note };
  return { ...object, metadata: { ...rest, annotations, managedFields: managedFields ?? [] } };
}
