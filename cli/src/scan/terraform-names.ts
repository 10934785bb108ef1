/** How the Terraform provider for Kubernetes calls kinds and fields. */

type Api = { readonly apiVersion: string; readonly kind: string };

const kindsByApi: Readonly<Record<string, string>> = {
  v1: 'Pod Service Namespace Secret ConfigMap ServiceAccount PersistentVolume PersistentVolumeClaim ReplicationController LimitRange ResourceQuota Endpoints Node',
  'apps/v1': 'Deployment StatefulSet DaemonSet ReplicaSet',
  'batch/v1': 'Job CronJob',
  'rbac.authorization.k8s.io/v1': 'Role ClusterRole RoleBinding ClusterRoleBinding',
  'networking.k8s.io/v1': 'NetworkPolicy Ingress IngressClass',
  'policy/v1': 'PodDisruptionBudget',
  'storage.k8s.io/v1': 'StorageClass CSIDriver',
  'scheduling.k8s.io/v1': 'PriorityClass',
  'autoscaling/v2': 'HorizontalPodAutoscaler',
  'admissionregistration.k8s.io/v1': 'MutatingWebhookConfiguration ValidatingWebhookConfiguration',
};

const apis: ReadonlyMap<string, Api> = new Map(
  Object.entries(kindsByApi).flatMap(([apiVersion, kinds]) =>
    kinds.split(' ').map((kind) => [snakeCase(kind), { apiVersion, kind }] as const),
  ),
);

function snakeCase(kind: string): string {
  return kind.replace(/([a-z])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3_$2$4').toLowerCase();
}

/** `kubernetes_deployment_v1` → apps/v1 Deployment; undefined for what is no object of a built-in kind. */
export function apiOfResource(type: string): Api | undefined {
  const name = /^kubernetes_([a-z_]+?)(?:_v\d+(?:(?:alpha|beta)\d+)?)?$/.exec(type)?.[1];
  return name === undefined ? undefined : apis.get(name);
}

/** Blocks that stand for items of a list, and what the list is called. All others stand for one object. */
const lists: Readonly<Record<string, string>> = {
  container: 'containers',
  init_container: 'initContainers',
  volume: 'volumes',
  volume_mount: 'volumeMounts',
  volume_device: 'volumeDevices',
  volume_claim_template: 'volumeClaimTemplates',
  port: 'ports',
  ports: 'ports',
  env: 'env',
  env_from: 'envFrom',
  image_pull_secrets: 'imagePullSecrets',
  host_aliases: 'hostAliases',
  toleration: 'tolerations',
  topology_spread_constraint: 'topologySpreadConstraints',
  readiness_gate: 'readinessGates',
  rule: 'rules',
  subject: 'subjects',
  match_expressions: 'matchExpressions',
  tls: 'tls',
  path: 'paths',
  ingress: 'ingress',
  egress: 'egress',
  from: 'from',
  to: 'to',
  items: 'items',
  item: 'items',
  sources: 'sources',
  limit: 'limits',
  webhook: 'webhooks',
  secret: 'secrets',
  image_pull_secret: 'imagePullSecrets',
  sysctl: 'sysctls',
  http_header: 'httpHeaders',
};

/** Names that are lists in one place and an object in another. */
const objectsUnder: Readonly<Record<string, readonly string[]>> = {
  // A volume's source, and not the secrets of a service account.
  secret: ['volume', 'sources'],
  port: ['backend', 'service', 'http_get', 'tcp_socket', 'grpc'],
  path: ['http_get'],
  items: [],
};

export function isListField(path: readonly string[]): boolean {
  const [parent = '', name = ''] = path.slice(-2).length === 2 ? path.slice(-2) : ['', ...path.slice(-1)];
  return Object.hasOwn(lists, name) && objectsUnder[name]?.includes(parent) !== true;
}

/** The name of a field that holds a list. */
export function blockName(name: string): string {
  return Object.hasOwn(lists, name) ? (lists[name] ?? name) : fieldName(name);
}

const otherNames: Readonly<Record<string, string>> = {
  host_ipc: 'hostIPC',
  host_pid: 'hostPID',
  cluster_ip: 'clusterIP',
  external_ips: 'externalIPs',
  load_balancer_ip: 'loadBalancerIP',
  pod_cidr: 'podCIDR',
  host_ip: 'hostIP',
  fs_group: 'fsGroup',
};

export function fieldName(name: string): string {
  return otherNames[name] ?? name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
