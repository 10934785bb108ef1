import { isObject, type Json, type JsonObject, stringAt } from './json.ts';

/**
 * Field names of the parts that people write most, for strict field validation and for dropping what the API server
 * would drop. A part that is not listed is not checked. `*` leads to the part of any field, `[]` to the part of items.
 */
type Part = { readonly fields: ReadonlySet<string>; readonly inner: { readonly [field: string]: string } };

const part = (fields: string, inner: { readonly [field: string]: string } = {}): Part => ({
  fields: new Set([...fields.split(' '), ...Object.keys(inner)]),
  inner,
});

const workload = { metadata: 'metadata', spec: '', status: '' };
const parts: { readonly [name: string]: Part } = {
  metadata: part(
    'name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields',
  ),
  template: part('', { metadata: 'metadata', spec: 'podSpec' }),
  podSpec: part(
    'restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources hostnameOverride volumes workloadRef schedulingGroup',
    { containers: 'container', initContainers: 'container', ephemeralContainers: 'container' },
  ),
  container: part(
    'name image command args workingDir envFrom resources resizePolicy restartPolicy restartPolicyRules volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty targetContainerName',
    { ports: 'containerPort', env: 'env', volumeMounts: 'volumeMount' },
  ),
  containerPort: part('name hostPort containerPort protocol hostIP'),
  env: part('name value valueFrom'),
  volumeMount: part('name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr'),
  Deployment: part('apiVersion kind', { ...workload, spec: 'deploymentSpec' }),
  deploymentSpec: part(
    'replicas selector strategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds',
    { template: 'template' },
  ),
  Pod: part('apiVersion kind', { ...workload, spec: 'podSpec' }),
  ConfigMap: part('apiVersion kind data binaryData immutable', { metadata: 'metadata' }),
  Secret: part('apiVersion kind data stringData immutable type', { metadata: 'metadata' }),
  Namespace: part('apiVersion kind', workload),
  ServiceAccount: part('apiVersion kind secrets imagePullSecrets automountServiceAccountToken', {
    metadata: 'metadata',
  }),
  Service: part('apiVersion kind', { ...workload, spec: 'serviceSpec' }),
  serviceSpec: part(
    'ports selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution',
  ),
  Ingress: part('apiVersion kind', { ...workload, spec: 'ingressSpec' }),
  ingressSpec: part('ingressClassName defaultBackend tls rules'),
  NetworkPolicy: part('apiVersion kind', { metadata: 'metadata', spec: 'networkPolicySpec' }),
  networkPolicySpec: part('podSelector ingress egress policyTypes'),
  Role: part('apiVersion kind', { metadata: 'metadata', rules: 'rule' }),
  ClusterRole: part('apiVersion kind aggregationRule', { metadata: 'metadata', rules: 'rule' }),
  rule: part('verbs apiGroups resources resourceNames nonResourceURLs'),
  RoleBinding: part('apiVersion kind', { metadata: 'metadata', subjects: 'subject', roleRef: 'roleRef' }),
  ClusterRoleBinding: part('apiVersion kind', { metadata: 'metadata', subjects: 'subject', roleRef: 'roleRef' }),
  subject: part('kind apiGroup name namespace'),
  roleRef: part('kind apiGroup name'),
};

const walk = (
  value: Json,
  partName: string,
  path: string,
  visit: (path: string, parent: JsonObject, key: string) => void,
): void => {
  if (Array.isArray(value)) {
    value.forEach((item, index) => walk(item, partName, `${path}[${index}]`, visit));
    return;
  }
  const known = Object.hasOwn(parts, partName) ? parts[partName] : undefined;
  if (known === undefined || !isObject(value)) return;
  for (const [key, child] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (!known.fields.has(key)) visit(at, value, key);
    else walk(child, Object.hasOwn(known.inner, key) ? (known.inner[key] ?? '') : '', at, visit);
  }
};

/** Paths of fields that the kind does not have. */
export const unknownFields = (object: JsonObject): string[] => {
  const found: string[] = [];
  walk(object, stringAt(object, 'kind'), '', (path) => found.push(path));
  return found;
};

/** Removes the fields that the kind does not have from `object`, which must be the caller's own copy. */
export const dropUnknownFields = (object: JsonObject): void => {
  walk(object, stringAt(object, 'kind'), '', (_path, parent, key) => delete parent[key]);
};
