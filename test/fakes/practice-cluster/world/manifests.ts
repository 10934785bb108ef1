import type { JsonObject } from '../object/json.ts';

export type WorkloadOptions = {
  readonly kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet';
  readonly image: string;
  readonly replicas?: number;
  readonly port?: number;
  readonly account?: string;
  readonly env?: readonly JsonObject[];
  readonly owner: string;
  /** Runs as restricted pods do; false for the workloads that nobody has tidied up yet. */
  readonly hardened?: boolean;
  readonly annotations?: { [key: string]: string };
  readonly labels?: { [key: string]: string };
};

const restricted: JsonObject = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

const containerOf = (name: string, options: WorkloadOptions): JsonObject => ({
  name,
  image: options.image,
  ...(options.port === undefined ? {} : { ports: [{ name: 'http', containerPort: options.port }] }),
  ...(options.env === undefined ? {} : { env: [...options.env] }),
  ...(options.hardened === false
    ? {}
    : {
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '500m', memory: '256Mi' } },
        securityContext: restricted,
        ...(options.port === undefined
          ? {}
          : {
              readinessProbe: { httpGet: { path: '/healthz', port: 'http' } },
              livenessProbe: { tcpSocket: { port: 'http' } },
            }),
      }),
});

/** A workload with one container, of a team. */
export const workload = (namespace: string, name: string, options: WorkloadOptions): JsonObject => {
  const { kind = 'Deployment', replicas = 2, owner } = options;
  const selector = { 'app.kubernetes.io/name': name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: {
      name,
      namespace,
      labels: { ...selector, owner, ...options.labels },
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: { ...selector, owner } },
        spec: {
          ...(options.account === undefined ? {} : { serviceAccountName: options.account }),
          ...(options.hardened === false ? {} : { automountServiceAccountToken: false }),
          containers: [containerOf(name, options)],
        },
      },
    },
  };
};

export const service = (namespace: string, name: string, port: number, type = 'ClusterIP'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
  spec: { type, selector: { 'app.kubernetes.io/name': name }, ports: [{ name: 'http', port, targetPort: 'http' }] },
});

export const ingress = (namespace: string, name: string, host: string, hasTls = true): JsonObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
  spec: {
    ingressClassName: 'nginx',
    ...(hasTls ? { tls: [{ hosts: [host], secretName: `${name}-tls` }] } : {}),
    rules: [
      {
        host,
        http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name, port: { name: 'http' } } } }] },
      },
    ],
  },
});

export const namespace = (name: string, labels: { [key: string]: string }): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

export const configMap = (home: string, name: string, data: { [key: string]: string }): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: home },
  data,
});

export const secret = (home: string, name: string, type: string, values: { [key: string]: string }): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: home },
  type,
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
});

export const serviceAccount = (home: string, name: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace: home },
});

export const denyAll = (home: string): JsonObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'default-deny', namespace: home },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
});

export const allowFrom = (home: string, name: string, from: JsonObject, port: number): JsonObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: `allow-${name}`, namespace: home },
  spec: {
    podSelector: { matchLabels: { 'app.kubernetes.io/name': name } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [from], ports: [{ port, protocol: 'TCP' }] }],
  },
});

export const budget = (home: string, name: string): JsonObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, namespace: home },
  spec: { minAvailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': name } } },
});

export const quota = (home: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'compute', namespace: home },
  spec: { hard: { pods: '40', 'requests.cpu': '8', 'requests.memory': '16Gi' } },
});

type Subject = {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
};
const subjectOf = (subject: Subject): JsonObject =>
  subject.kind === 'ServiceAccount'
    ? { kind: subject.kind, name: subject.name, namespace: subject.namespace ?? '' }
    : { kind: subject.kind, name: subject.name, apiGroup: 'rbac.authorization.k8s.io' };

/** A binding in a namespace, or of the whole cluster where `home` is ''. */
export const binding = (home: string, name: string, role: string, subjects: readonly Subject[]): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: home === '' ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(home === '' ? {} : { namespace: home }) },
  subjects: subjects.map(subjectOf),
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: role.startsWith('role/') ? 'Role' : 'ClusterRole',
    name: role.replace('role/', ''),
  },
});

export const role = (home: string, name: string, rules: JsonObject[]): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: home === '' ? 'ClusterRole' : 'Role',
  metadata: { name, ...(home === '' ? {} : { namespace: home }) },
  rules,
});

export const autoscaler = (home: string, name: string): JsonObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name, namespace: home },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    minReplicas: 2,
    maxReplicas: 6,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  },
});

export const cronJob = (home: string, name: string, schedule: string, image: string): JsonObject => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name, namespace: home },
  spec: {
    schedule,
    jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name, image }] } } } },
  },
});
