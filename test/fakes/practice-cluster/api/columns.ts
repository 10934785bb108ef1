import { arrayAt, type Json, numberAt, objectAt, objectsAt, stringAt, valueAt, textOf } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';

export type Column = {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly priority?: number;
  readonly value: (object: KubeObject, nowMs: number) => Json;
};

const column = (name: string, value: Column['value'], priority = 0): Column => ({
  name,
  type: 'string',
  priority,
  value,
});
const spec = (object: KubeObject) => objectAt(object, 'spec');
const status = (object: KubeObject) => objectAt(object, 'status');
const count = (parent: Json, key: string): number => numberAt(parent, key) ?? 0;
const size = (object: KubeObject, key: string): number => {
  const value = valueAt(object, key);
  return Array.isArray(value) ? value.length : Object.keys(value ?? {}).length;
};
const joined = (values: readonly string[]): string => (values.length === 0 ? '<none>' : values.join(','));
const pairs = (labels: Json | undefined): string =>
  joined(Object.entries(labels ?? {}).map(([key, value]) => `${key}=${String(value)}`));

const containersOf = (object: KubeObject) =>
  objectsAt(objectAt(objectAt(spec(object), 'template'), 'spec'), 'containers');
const workloadColumns: readonly Column[] = [
  column('Containers', (object) => joined(containersOf(object).map((item) => stringAt(item, 'name'))), 1),
  column('Images', (object) => joined(containersOf(object).map((item) => stringAt(item, 'image'))), 1),
  column('Selector', (object) => pairs(objectAt(objectAt(spec(object), 'selector'), 'matchLabels')), 1),
];
const ready = column(
  'Ready',
  (object) => `${count(status(object), 'readyReplicas')}/${numberAt(spec(object), 'replicas') ?? 1}`,
);
const number = (name: string, from: 'spec' | 'status', key: string): Column => ({
  name,
  type: 'integer',
  value: (object) => count(objectAt(object, from), key),
});

const podStatus = (object: KubeObject): string => {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const waiting = objectsAt(status(object), 'containerStatuses').map((item) =>
    stringAt(objectAt(objectAt(item, 'state'), 'waiting'), 'reason'),
  );
  return waiting.find((reason) => reason !== '') ?? (stringAt(status(object), 'phase') || 'Unknown');
};
const servicePorts = (object: KubeObject): string =>
  joined(
    objectsAt(spec(object), 'ports').map((port) => {
      const node = numberAt(port, 'nodePort');
      return `${count(port, 'port')}${node === undefined ? '' : `:${node}`}/${stringAt(port, 'protocol')}`;
    }),
  );
const externalIp = (object: KubeObject): string => {
  const ingress = objectsAt(objectAt(status(object), 'loadBalancer'), 'ingress').map(
    (item) => stringAt(item, 'ip') || stringAt(item, 'hostname'),
  );
  if (ingress.length > 0) return ingress.join(',');
  return stringAt(spec(object), 'type') === 'LoadBalancer'
    ? '<pending>'
    : joined(arrayAt(spec(object), 'externalIPs').map(String));
};
const roleColumn = column(
  'Role',
  (object) => `${stringAt(objectAt(object, 'roleRef'), 'kind')}/${stringAt(objectAt(object, 'roleRef'), 'name')}`,
);
const subjects = (kind: string, name: string) =>
  column(
    name,
    (object) =>
      objectsAt(object, 'subjects')
        .filter((item) => stringAt(item, 'kind') === kind)
        .map((item) => stringAt(item, 'name'))
        .join(', '),
    1,
  );
const bindingColumns = {
  before: [roleColumn],
  after: [subjects('User', 'Users'), subjects('Group', 'Groups'), subjects('ServiceAccount', 'ServiceAccounts')],
};
const nodeRoles = (object: KubeObject): string =>
  joined(
    Object.keys(object.metadata.labels ?? {})
      .filter((key) => key.startsWith('node-role.kubernetes.io/'))
      .map((key) => key.slice(24)),
  );
const nodeReady = (object: KubeObject): string =>
  objectsAt(status(object), 'conditions').some(
    (item) => stringAt(item, 'type') === 'Ready' && stringAt(item, 'status') === 'True',
  )
    ? 'Ready'
    : 'NotReady';
const ingressHosts = (object: KubeObject): string =>
  joined(objectsAt(spec(object), 'rules').map((rule) => stringAt(rule, 'host') || '*'));

const event = (name: string, value: Column['value'], priority = 0) => column(name, value, priority);

/** Columns between Name and Age, and after Age, by kind. */
export const columnsByKind: {
  readonly [kind: string]: { readonly before?: readonly Column[]; readonly after?: readonly Column[] };
} = {
  Namespace: { before: [column('Status', (object) => stringAt(status(object), 'phase'))] },
  Node: {
    before: [column('Status', nodeReady), column('Roles', nodeRoles)],
    after: [column('Version', (object) => stringAt(objectAt(status(object), 'nodeInfo'), 'kubeletVersion'))],
  },
  Pod: {
    before: [
      column('Ready', (object) => {
        const states = objectsAt(status(object), 'containerStatuses');
        return `${states.filter((item) => item['ready'] === true).length}/${objectsAt(spec(object), 'containers').length}`;
      }),
      column('Status', podStatus),
      column('Restarts', (object) =>
        String(
          objectsAt(status(object), 'containerStatuses').reduce((sum, item) => sum + count(item, 'restartCount'), 0),
        ),
      ),
    ],
    after: [
      column('IP', (object) => stringAt(status(object), 'podIP') || '<none>', 1),
      column('Node', (object) => stringAt(spec(object), 'nodeName') || '<none>', 1),
      column('Nominated Node', () => '<none>', 1),
      column('Readiness Gates', () => '<none>', 1),
    ],
  },
  Deployment: {
    before: [
      ready,
      number('Up-to-date', 'status', 'updatedReplicas'),
      number('Available', 'status', 'availableReplicas'),
    ],
    after: workloadColumns,
  },
  StatefulSet: { before: [ready], after: workloadColumns.slice(0, 2) },
  ReplicaSet: {
    before: [
      number('Desired', 'spec', 'replicas'),
      number('Current', 'status', 'replicas'),
      number('Ready', 'status', 'readyReplicas'),
    ],
    after: workloadColumns,
  },
  DaemonSet: {
    before: [
      number('Desired', 'status', 'desiredNumberScheduled'),
      number('Current', 'status', 'currentNumberScheduled'),
      number('Ready', 'status', 'numberReady'),
      number('Up-to-date', 'status', 'updatedNumberScheduled'),
      number('Available', 'status', 'numberAvailable'),
      column('Node Selector', (object) =>
        pairs(objectAt(objectAt(objectAt(spec(object), 'template'), 'spec'), 'nodeSelector')),
      ),
    ],
    after: workloadColumns,
  },
  Job: {
    before: [
      column('Status', (object) => (count(status(object), 'succeeded') > 0 ? 'Complete' : 'Running')),
      column(
        'Completions',
        (object) => `${count(status(object), 'succeeded')}/${numberAt(spec(object), 'completions') ?? 1}`,
      ),
    ],
  },
  CronJob: {
    before: [
      column('Schedule', (object) => stringAt(spec(object), 'schedule')),
      column('Suspend', (object) => String(spec(object)['suspend'] === true)),
      { name: 'Active', type: 'integer', value: (object) => arrayAt(status(object), 'active').length },
    ],
  },
  Service: {
    before: [
      column('Type', (object) => stringAt(spec(object), 'type')),
      column('Cluster-IP', (object) => stringAt(spec(object), 'clusterIP') || '<none>'),
      column('External-IP', externalIp),
      column('Port(s)', servicePorts),
    ],
    after: [column('Selector', (object) => pairs(objectAt(spec(object), 'selector')), 1)],
  },
  Ingress: {
    before: [
      column('Class', (object) => stringAt(spec(object), 'ingressClassName') || '<none>'),
      column('Hosts', ingressHosts),
      column('Address', (object) =>
        objectsAt(objectAt(status(object), 'loadBalancer'), 'ingress')
          .map((item) => stringAt(item, 'ip'))
          .join(','),
      ),
      column('Ports', (object) => (arrayAt(spec(object), 'tls').length > 0 ? '80, 443' : '80')),
    ],
  },
  NetworkPolicy: {
    before: [column('Pod-Selector', (object) => pairs(objectAt(objectAt(spec(object), 'podSelector'), 'matchLabels')))],
  },
  ConfigMap: {
    before: [{ name: 'Data', type: 'integer', value: (object) => size(object, 'data') + size(object, 'binaryData') }],
  },
  Secret: {
    before: [
      column('Type', (object) => stringAt(object, 'type')),
      { name: 'Data', type: 'integer', value: (object) => size(object, 'data') },
    ],
  },
  ServiceAccount: { before: [{ name: 'Secrets', type: 'integer', value: (object) => size(object, 'secrets') }] },
  Role: {},
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  PodDisruptionBudget: {
    before: [
      column('Min Available', (object) => textOf(valueAt(spec(object), 'minAvailable') ?? 'N/A')),
      column('Max Unavailable', (object) => textOf(valueAt(spec(object), 'maxUnavailable') ?? 'N/A')),
      number('Allowed Disruptions', 'status', 'disruptionsAllowed'),
    ],
  },
  HorizontalPodAutoscaler: {
    before: [
      column(
        'Reference',
        (object) =>
          `${stringAt(objectAt(spec(object), 'scaleTargetRef'), 'kind')}/${stringAt(objectAt(spec(object), 'scaleTargetRef'), 'name')}`,
      ),
      number('MinPods', 'spec', 'minReplicas'),
      number('MaxPods', 'spec', 'maxReplicas'),
      number('Replicas', 'status', 'currentReplicas'),
    ],
  },
  Lease: { before: [column('Holder', (object) => stringAt(spec(object), 'holderIdentity'))] },
  EndpointSlice: {
    before: [
      column('AddressType', (object) => stringAt(object, 'addressType')),
      column('Ports', (object) => joined(objectsAt(object, 'ports').map((port) => textOf(port['port'])))),
      column('Endpoints', (object) =>
        joined(objectsAt(object, 'endpoints').flatMap((item) => arrayAt(item, 'addresses').map(String))),
      ),
    ],
  },
  CustomResourceDefinition: { before: [column('Created At', (object) => object.metadata.creationTimestamp)] },
  Event: {
    before: [
      event('Last Seen', (object) => stringAt(object, 'lastTimestamp')),
      event('Type', (object) => stringAt(object, 'type')),
      event('Reason', (object) => stringAt(object, 'reason')),
      event(
        'Object',
        (object) =>
          `${stringAt(objectAt(object, 'involvedObject'), 'kind').toLowerCase()}/${stringAt(objectAt(object, 'involvedObject'), 'name')}`,
      ),
      event('Message', (object) => stringAt(object, 'message')),
    ],
  },
};
