import { randomInt } from 'node:crypto';
import { withSchema } from '../object/custom-schema.ts';
import { withDefaults } from '../object/defaults.ts';
import { arrayAt, isObject, type JsonObject, objectAt, objectsAt, stringAt, valueAt } from '../object/json.ts';
import { dropUnknownFields } from '../object/known-fields.ts';
import { omitEmpty } from '../object/omit-empty.ts';
import { forbidden } from '../status-error.ts';
import { type Kind, storageKey } from '../store/kind.ts';
import type { Store } from '../store/store.ts';
import { withNodePorts } from './service-allocation.ts';

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
/** Five characters, as generateName appends them. */
export const randomSuffix = (): string =>
  Array.from({ length: 5 }, () => suffixAlphabet[randomInt(suffixAlphabet.length)]).join('');

/** Pruned and defaulted: what the API server makes of an object before anything looks at it. */
export const normalised = (object: JsonObject, kind: Kind, version: string): JsonObject => {
  if (kind.custom !== undefined) {
    const schema = kind.custom.versions.get(version)?.schema;
    return schema === undefined ? object : withSchema(object, schema);
  }
  const { status, ...rest } = object;
  const copy = omitEmpty(rest);
  dropUnknownFields(copy);
  return withDefaults(status === undefined ? copy : { ...copy, status });
};

/** Throws unless new objects may be created in the namespace. */
export const admitNamespace = (store: Store, kind: Kind, namespace: string, name: string): void => {
  const found = store.get('namespaces', '', namespace);
  if (found?.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    { group: kind.group, resource: kind.resource, name },
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
};

/** What admission and the kind's own rules add to an object that is being created. */
export const admitCreate = (object: JsonObject, kind: Kind, store: Store): JsonObject =>
  createRules[storageKey(kind)]?.(object, store) ?? object;

const withMetadata = (object: JsonObject, change: JsonObject): JsonObject => ({
  ...object,
  metadata: { ...objectAt(object, 'metadata'), ...change },
});

const namespace = (object: JsonObject): JsonObject => {
  const metadata = objectAt(object, 'metadata');
  const labels = { ...objectAt(metadata, 'labels'), 'kubernetes.io/metadata.name': stringAt(metadata, 'name') };
  const spec = { ...objectAt(object, 'spec'), finalizers: ['kubernetes'] };
  return { ...withMetadata(object, { labels }), spec, status: { phase: 'Active' } };
};

const usedIps = (store: Store): Set<string> =>
  new Set(store.list('services').map((item) => stringAt(objectAt(item, 'spec'), 'clusterIP')));

const service = (object: JsonObject, store: Store): JsonObject => {
  const spec = objectAt(object, 'spec');
  const status = { loadBalancer: {} };
  if (spec['type'] === 'ExternalName') return { ...object, status };
  let address = stringAt(spec, 'clusterIP');
  const used = usedIps(store);
  while (address === '' || (address !== 'None' && used.has(address)))
    address = `10.96.${randomInt(256)}.${randomInt(1, 255)}`;
  return {
    ...object,
    spec: { ...withNodePorts(spec), clusterIP: address, clusterIPs: [address] },
    status,
  };
};

const qosClass = (spec: JsonObject): string => {
  const resources = objectsAt(spec, 'containers').map((container) => objectAt(container, 'resources'));
  const isSet = (key: string) => resources.some((item) => Object.keys(objectAt(item, key)).length > 0);
  if (!isSet('limits') && !isSet('requests')) return 'BestEffort';
  const isGuaranteed = resources.every((item) => {
    const limits = objectAt(item, 'limits');
    const requests = objectAt(item, 'requests');
    return ['cpu', 'memory'].every(
      (name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name],
    );
  });
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
};

const tokenVolume = (name: string): JsonObject => ({
  name,
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
      {
        downwardAPI: {
          items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
        },
      },
    ],
  },
});

const toleration = (condition: string): JsonObject => ({
  effect: 'NoExecute',
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  tolerationSeconds: 300,
});

/** The service account's token mount, tolerations and priority, as admission plugins add them. */
const pod = (object: JsonObject, store: Store): JsonObject => {
  const given = objectAt(object, 'spec');
  const account = stringAt(given, 'serviceAccountName') || 'default';
  const home = stringAt(objectAt(object, 'metadata'), 'namespace');
  const stored = store.get('serviceaccounts', home, account);
  const wantsToken =
    valueAt(given, 'automountServiceAccountToken') ?? valueAt(stored, 'automountServiceAccountToken') ?? true;
  let spec: JsonObject = {
    ...given,
    serviceAccountName: account,
    serviceAccount: account,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    tolerations:
      arrayAt(given, 'tolerations').length > 0
        ? arrayAt(given, 'tolerations')
        : [toleration('not-ready'), toleration('unreachable')],
  };
  if (
    wantsToken === true &&
    !objectsAt(spec, 'volumes').some((item) => stringAt(item, 'name').startsWith('kube-api-access-'))
  ) {
    const name = `kube-api-access-${randomSuffix()}`;
    const mount = { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', name, readOnly: true };
    const mounted = (key: string) =>
      objectsAt(spec, key).map((item) => ({ ...item, volumeMounts: [...arrayAt(item, 'volumeMounts'), mount] }));
    spec = {
      ...spec,
      volumes: [...arrayAt(spec, 'volumes'), tokenVolume(name)],
      containers: mounted('containers'),
      ...(spec['initContainers'] === undefined ? {} : { initContainers: mounted('initContainers') }),
    };
  }
  return { ...object, spec, status: { phase: 'Pending', qosClass: qosClass(spec) } };
};

const definition = (object: JsonObject): JsonObject => {
  const spec = objectAt(object, 'spec');
  const names = objectAt(spec, 'names');
  const kindName = stringAt(names, 'kind');
  const accepted = { listKind: `${kindName}List`, singular: kindName.toLowerCase(), ...names };
  const stored = objectsAt(spec, 'versions').find((version) => version['storage'] === true);
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime: stringAt(objectAt(object, 'metadata'), 'creationTimestamp'),
  });
  return {
    ...withMetadata(object, { finalizers: ['customresourcecleanup.apiextensions.k8s.io'] }),
    spec: { conversion: { strategy: 'None' }, ...spec, names: accepted },
    status: {
      acceptedNames: accepted,
      storedVersions: [stringAt(stored, 'name')],
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
    },
  };
};

const certificateRequest = (object: JsonObject): JsonObject => ({
  ...object,
  status: isObject(object['status']) ? object['status'] : {},
});

const createRules: { readonly [storage: string]: (object: JsonObject, store: Store) => JsonObject } = {
  namespaces: namespace,
  services: service,
  pods: pod,
  'customresourcedefinitions.apiextensions.k8s.io': definition,
  'certificatesigningrequests.certificates.k8s.io': certificateRequest,
};
