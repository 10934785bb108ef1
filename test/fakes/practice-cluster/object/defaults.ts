import { isObject, type Json, type JsonObject, objectAt, objectsAt, stringAt, valueAt, textOf } from './json.ts';

/** Defaults that the API server fills in. Takes and gives whole objects; never changes its argument. */
export const withDefaults = (object: JsonObject): JsonObject => byKind[stringAt(object, 'kind')]?.(object) ?? object;

const fill = (target: JsonObject, defaults: JsonObject): JsonObject => {
  const missing = Object.entries(defaults).filter(([key]) => !Object.hasOwn(target, key));
  return missing.length === 0 ? target : { ...target, ...Object.fromEntries(missing) };
};
const onSpec = (change: (spec: JsonObject) => JsonObject) => (object: JsonObject) => ({
  ...object,
  spec: change(objectAt(object, 'spec')),
});
const mapped = (parent: JsonObject, key: string, change: (item: JsonObject) => JsonObject): JsonObject =>
  Array.isArray(parent[key]) ? { ...parent, [key]: objectsAt(parent, key).map(change) } : parent;

const pullPolicy = (image: string): string => {
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  return !image.includes('@') && (tag === undefined || tag === 'latest') ? 'Always' : 'IfNotPresent';
};

const probe = (value: JsonObject): JsonObject => {
  const filled = fill(value, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  const http = valueAt(filled, 'httpGet');
  return isObject(http) ? { ...filled, httpGet: fill(http, { path: '/', scheme: 'HTTP' }) } : filled;
};

const container = (value: JsonObject): JsonObject => {
  let result = fill(value, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullPolicy(stringAt(value, 'image')),
  });
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const current = valueAt(result, name);
    if (isObject(current)) result = { ...result, [name]: probe(current) };
  }
  result = mapped(result, 'ports', (port) => fill(port, { protocol: 'TCP' }));
  return mapped(result, 'env', (item) => {
    const from = valueAt(item, 'valueFrom');
    const reference = valueAt(from, 'fieldRef');
    return isObject(from) && isObject(reference)
      ? { ...item, valueFrom: { ...from, fieldRef: fill(reference, { apiVersion: 'v1' }) } }
      : item;
  });
};

const volume = (value: JsonObject): JsonObject => {
  for (const source of ['secret', 'configMap', 'projected', 'downwardAPI']) {
    const current = valueAt(value, source);
    if (isObject(current)) return { ...value, [source]: fill(current, { defaultMode: 420 }) };
  }
  const host = valueAt(value, 'hostPath');
  if (isObject(host)) return { ...value, hostPath: fill(host, { type: '' }) };
  return Object.keys(value).length === 1 ? { ...value, emptyDir: {} } : value;
};

export const podSpec = (spec: JsonObject, restartPolicy = 'Always'): JsonObject => {
  const account = stringAt(spec, 'serviceAccountName');
  let result = fill(spec, {
    restartPolicy,
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    ...(account === '' ? {} : { serviceAccount: account }),
  });
  for (const key of ['containers', 'initContainers', 'ephemeralContainers']) result = mapped(result, key, container);
  return mapped(result, 'volumes', volume);
};

const template = (owner: JsonObject, restartPolicy?: string): JsonObject => {
  const current = objectAt(owner, 'template');
  return {
    ...owner,
    template: {
      ...current,
      metadata: objectAt(current, 'metadata'),
      spec: podSpec(objectAt(current, 'spec'), restartPolicy),
    },
  };
};

const rolling = (spec: JsonObject, key: string, values: JsonObject): JsonObject => {
  const current = fill(objectAt(spec, key), { type: 'RollingUpdate' });
  if (current['type'] !== 'RollingUpdate') return { ...spec, [key]: current };
  return { ...spec, [key]: { ...current, rollingUpdate: fill(objectAt(current, 'rollingUpdate'), values) } };
};

const service = (spec: JsonObject): JsonObject => {
  const filled = fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  const isExternalName = filled['type'] === 'ExternalName';
  const internal = isExternalName
    ? filled
    : fill(filled, { internalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  const isExposed = internal['type'] === 'NodePort' || internal['type'] === 'LoadBalancer';
  const exposed = isExposed ? fill(internal, { externalTrafficPolicy: 'Cluster' }) : internal;
  return mapped(exposed, 'ports', (port) => {
    const withProtocol = fill(port, { protocol: 'TCP' });
    return isExternalName ? withProtocol : fill(withProtocol, { targetPort: port['port'] ?? 0 });
  });
};

const subjectGroup = (subject: JsonObject): JsonObject =>
  subject['kind'] === 'ServiceAccount' ? subject : fill(subject, { apiGroup: 'rbac.authorization.k8s.io' });
const binding = (object: JsonObject): JsonObject => {
  const role = fill(objectAt(object, 'roleRef'), { apiGroup: 'rbac.authorization.k8s.io' });
  return mapped({ ...object, roleRef: role }, 'subjects', subjectGroup);
};

const networkPolicy = (spec: JsonObject): JsonObject => {
  const types: Json[] = Object.hasOwn(spec, 'egress') ? ['Ingress', 'Egress'] : ['Ingress'];
  return fill(spec, { podSelector: {}, policyTypes: types });
};

const secret = (object: JsonObject): JsonObject => {
  const { stringData, ...rest } = object;
  if (!isObject(stringData)) return fill(object, { type: 'Opaque' });
  const encoded = Object.entries(stringData).map(([key, value]): [string, Json] => [
    key,
    Buffer.from(textOf(value)).toString('base64'),
  ]);
  return fill({ ...rest, data: { ...objectAt(rest, 'data'), ...Object.fromEntries(encoded) } }, { type: 'Opaque' });
};

const deployment = (spec: JsonObject): JsonObject =>
  rolling(fill(template(spec), { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 }), 'strategy', {
    maxUnavailable: '25%',
    maxSurge: '25%',
  });
const statefulSet = (spec: JsonObject): JsonObject =>
  rolling(
    fill(template(spec), { replicas: 1, podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 10 }),
    'updateStrategy',
    { partition: 0 },
  );
const daemonSet = (spec: JsonObject): JsonObject =>
  rolling(fill(template(spec), { revisionHistoryLimit: 10 }), 'updateStrategy', { maxSurge: 0, maxUnavailable: 1 });
const job = (spec: JsonObject): JsonObject =>
  fill(template(spec, 'Never'), {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
  });
const cronJob = (spec: JsonObject): JsonObject => {
  const jobTemplate = objectAt(spec, 'jobTemplate');
  const filled = fill(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  return {
    ...filled,
    jobTemplate: {
      ...jobTemplate,
      metadata: objectAt(jobTemplate, 'metadata'),
      spec: template(objectAt(jobTemplate, 'spec'), 'Never'),
    },
  };
};

const byKind: { readonly [kind: string]: (object: JsonObject) => JsonObject } = {
  Pod: onSpec((spec) => fill(podSpec(spec), { enableServiceLinks: true })),
  Deployment: onSpec(deployment),
  ReplicaSet: onSpec((spec) => fill(template(spec), { replicas: 1 })),
  StatefulSet: onSpec(statefulSet),
  DaemonSet: onSpec(daemonSet),
  Job: onSpec(job),
  CronJob: onSpec(cronJob),
  Service: onSpec(service),
  NetworkPolicy: onSpec(networkPolicy),
  Ingress: onSpec((spec) => mapped(spec, 'rules', (rule) => rule)),
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  Secret: secret,
};
