import type { JsonObject } from '../object/json.ts';

const groupsByShortName: { readonly [name: string]: string } = {
  core: '',
  rbac: 'rbac.authorization.k8s.io',
  net: 'networking.k8s.io',
  authn: 'authentication.k8s.io',
  authz: 'authorization.k8s.io',
  ext: 'apiextensions.k8s.io',
  lease: 'coordination.k8s.io',
  slice: 'discovery.k8s.io',
};

/** One line: `verbs group resources`. `-` for the group means non-resource URLs. */
export const rules = (text: string): JsonObject[] =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const [verbs = '', group = '', names = ''] = line.trim().split(/\s+/);
      if (group === '-') return { verbs: verbs.split(','), nonResourceURLs: names.split(',') };
      const apiGroups = group.split(',').map((name) => groupsByShortName[name] ?? name);
      return { verbs: verbs.split(','), apiGroups, resources: names.split(',') };
    });

const read = 'get,list,watch';
const write = 'create,delete,deletecollection,patch,update';
const workloads = `
  VERBS core configmaps,endpoints,persistentvolumeclaims,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services
  VERBS apps daemonsets,deployments,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
  VERBS autoscaling horizontalpodautoscalers
  VERBS batch cronjobs,jobs
  VERBS net ingresses,networkpolicies
  VERBS policy poddisruptionbudgets`;
const viewRules = `${workloads.replaceAll('VERBS', read)}
  ${read} core bindings,events,limitranges,namespaces,namespaces/status,pods/log,pods/status,resourcequotas,resourcequotas/status
  ${read} slice endpointslices`;
const editRules = `${workloads.replaceAll('VERBS', write)}
  ${read},${write} core secrets
  ${read} core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
  create core pods/attach,pods/exec,pods/portforward,pods/eviction,serviceaccounts/token
  impersonate core serviceaccounts
  ${read},${write} lease leases`;
const adminRules = `
  ${read},${write} rbac roles,rolebindings
  create authz localsubjectaccessreviews`;
const discoveryPaths = '/api,/api/*,/apis,/apis/*,/openapi,/openapi/*,/healthz,/livez,/readyz,/version,/version/';

const plain: { readonly [role: string]: string } = {
  'cluster-admin': '* * *\n* - *',
  'system:aggregate-to-view': viewRules,
  'system:aggregate-to-edit': editRules,
  'system:aggregate-to-admin': adminRules,
  'system:basic-user': 'create authz selfsubjectaccessreviews,selfsubjectrulesreviews\ncreate authn selfsubjectreviews',
  'system:discovery': `get - ${discoveryPaths}`,
  'system:monitoring': 'get - /healthz,/healthz/*,/livez,/livez/*,/metrics,/readyz,/readyz/*',
  'system:public-info-viewer': 'get - /healthz,/livez,/readyz,/version,/version/',
  'system:node': `
    ${read},create,update,patch,delete core nodes,pods
    update,patch core nodes/status,pods/status
    create,patch core events
    get,create,update,patch lease leases
    ${read} core configmaps,secrets,services,persistentvolumeclaims`,
  'system:kube-scheduler': `
    ${read} core nodes,pods,namespaces,services,persistentvolumeclaims,persistentvolumes
    create core pods/binding
    patch,update core pods/status
    create,patch core events
    get,create,update lease leases`,
  'system:kube-controller-manager': `
    ${read} * *
    get,create,update lease leases
    create,patch core events`,
};

const controllers: { readonly [name: string]: string } = {
  'deployment-controller': `
    ${read},update apps deployments
    update apps deployments/status
    ${read},create,update,patch,delete apps replicasets
    create,patch core events`,
  'replicaset-controller': `
    ${read},update apps replicasets
    update apps replicasets/status
    ${read},create,delete,patch core pods
    create,patch core events`,
  'statefulset-controller': `
    ${read} apps statefulsets
    update apps statefulsets/status
    ${read},create,delete,patch,update core pods
    create,patch core events`,
  'daemon-set-controller': `
    ${read} apps daemonsets
    update apps daemonsets/status
    ${read} core nodes
    ${read},create,delete,patch core pods
    create,patch core events`,
  'job-controller': `
    ${read} batch jobs
    update,patch batch jobs/status
    ${read},create,delete,patch core pods
    create,patch core events`,
  'cronjob-controller': `
    ${read},create,delete,patch,update batch jobs
    ${read} batch cronjobs
    update batch cronjobs/status
    create,patch core events`,
  'generic-garbage-collector': `delete,${read},patch,update * *`,
  'namespace-controller': `
    delete,deletecollection,get,list * *
    ${read} core namespaces
    update core namespaces/finalize,namespaces/status`,
  'service-account-controller': 'create core serviceaccounts\ncreate,patch core events',
  'root-ca-cert-publisher': 'create,update core configmaps',
  'endpointslice-controller': `
    ${read} core services,pods,nodes
    ${read},create,update,delete slice endpointslices`,
  'endpoint-controller': `
    ${read} core services,pods
    ${read},create,update,delete core endpoints`,
  'clusterrole-aggregation-controller': 'escalate,get,list,patch,update,watch rbac clusterroles',
};

const bootstrapLabels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const aggregateTo: { readonly [role: string]: string } = {
  'system:aggregate-to-view': 'view',
  'system:aggregate-to-edit': 'edit',
  'system:aggregate-to-admin': 'admin',
};

const metadata = (name: string, labels: { [key: string]: string } = {}): JsonObject => ({
  name,
  labels: { ...bootstrapLabels, ...labels },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
});

const clusterRole = (name: string, text: string): JsonObject => {
  const target = aggregateTo[name];
  const labels = target === undefined ? {} : { [`rbac.authorization.k8s.io/aggregate-to-${target}`]: 'true' };
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: metadata(name, labels),
    rules: rules(text),
  };
};

/** `admin` takes what aggregates to edit, and `edit` what aggregates to view, by their own labels. */
const aggregated = (name: string, text: string, upward: string | undefined): JsonObject => ({
  ...clusterRole(name, text),
  metadata: metadata(
    name,
    upward === undefined ? {} : { [`rbac.authorization.k8s.io/aggregate-to-${upward}`]: 'true' },
  ),
  aggregationRule: {
    clusterRoleSelectors: [{ matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true' } }],
  },
});

const binding = (name: string, role: string, subjects: JsonObject[]): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: metadata(name),
  subjects,
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
});
const subject = (kind: 'User' | 'Group', name: string): JsonObject => ({
  kind,
  apiGroup: 'rbac.authorization.k8s.io',
  name,
});
const group = (name: string) => subject('Group', name);
const user = (name: string) => subject('User', name);
const serviceAccount = (name: string): JsonObject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

/** The ClusterRoles and ClusterRoleBindings that the API server creates by itself. */
export const bootstrapRoles = (): JsonObject[] => [
  ...Object.entries(plain).map(([name, text]) => clusterRole(name, text)),
  aggregated('view', viewRules, 'edit'),
  aggregated('edit', `${viewRules}${editRules}`, 'admin'),
  aggregated('admin', `${viewRules}${editRules}${adminRules}`, undefined),
  ...Object.entries(controllers).map(([name, text]) => clusterRole(`system:controller:${name}`, text)),
  ...Object.keys(controllers).map((name) =>
    binding(`system:controller:${name}`, `system:controller:${name}`, [serviceAccount(name)]),
  ),
  binding('cluster-admin', 'cluster-admin', [group('system:masters')]),
  binding('system:basic-user', 'system:basic-user', [group('system:authenticated')]),
  binding('system:discovery', 'system:discovery', [group('system:authenticated')]),
  binding('system:monitoring', 'system:monitoring', [group('system:monitoring')]),
  binding('system:public-info-viewer', 'system:public-info-viewer', [
    group('system:authenticated'),
    group('system:unauthenticated'),
  ]),
  binding('system:node', 'system:node', [group('system:nodes')]),
  binding('system:kube-scheduler', 'system:kube-scheduler', [user('system:kube-scheduler')]),
  binding('system:kube-controller-manager', 'system:kube-controller-manager', [user('system:kube-controller-manager')]),
];
