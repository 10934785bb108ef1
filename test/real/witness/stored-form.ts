/**
 * What a stored object should look like in the timeline, worked out from etcd's JSON alone: a second, smaller reading of the
 * promise (noise dropped, status only where it says something, secrets as keyed digests, keys sorted), that shares no code
 * with the product. Only the kinds and the secrets that the workload makes are known here; anything else that the product
 * changed in an object shows as a difference.
 */
import { createHmac } from 'node:crypto';

type Value = null | boolean | number | string | readonly Value[] | { readonly [member: string]: Value };
type Members = { readonly [member: string]: Value };

export type StoredObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly json: Members;
};

const countsAndEvidence = ['managedFields', 'resourceVersion', 'generation', 'selfLink'];
const heartbeatAnnotations = ['kubernetes.io/last-heartbeat', 'control-plane.alpha.kubernetes.io/leader'];
/** Under these names the workload puts secrets into ConfigMaps. */
export const secretNames: readonly string[] = ['password'];

/** Paths of status that count, by kind; `*` is every item of a list. Kinds without an entry have no status that counts. */
const statusThatCounts: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'phase',
    'podIP',
    'podIPs',
    'hostIP',
    ...['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'].flatMap((list) =>
      ['name', 'image', 'imageID'].map((member) => `${list}.*.${member}`),
    ),
  ],
  Node: ['nodeInfo', 'addresses', 'conditions.*.type', 'conditions.*.status', 'conditions.*.reason'],
  Namespace: ['phase'],
  Service: ['loadBalancer'],
  PersistentVolume: ['phase'],
  PersistentVolumeClaim: ['phase'],
  Job: ['conditions.*.type', 'conditions.*.status', 'conditions.*.reason'],
  Ingress: ['loadBalancer'],
  CustomResourceDefinition: [
    'acceptedNames',
    'storedVersions',
    ...['type', 'status', 'reason'].map((member) => `conditions.*.${member}`),
  ],
  APIService: ['type', 'status', 'reason'].map((member) => `conditions.*.${member}`),
  ValidatingAdmissionPolicy: ['typeChecking'],
};

/** undefined when the value is no Kubernetes object. */
export function readStored(text: string): StoredObject | undefined {
  if (!text.startsWith('{')) return undefined;
  const json = JSON.parse(text) as Members;
  const { apiVersion, kind, metadata } = json;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isMembers(metadata)) return undefined;
  const textOf = (member: string): string => (typeof metadata[member] === 'string' ? metadata[member] : '');
  return { apiVersion, kind, namespace: textOf('namespace'), name: textOf('name'), uid: textOf('uid'), json };
}

/** Canonical text. `servedVersion` is the apiVersion in which the kind is read, which can differ from the stored one. */
export function formOf(stored: StoredObject, servedVersion: string, key: Buffer): string {
  const { metadata, status, ...rest } =
    stored.kind === 'CustomResourceDefinition' ? asServed(stored.json) : stored.json;
  const kept = keptStatus(stored.kind, status);
  const form = {
    ...rest,
    apiVersion: servedVersion,
    metadata: keptMetadata(metadata as Members),
    ...(kept === undefined ? {} : { status: kept }),
  };
  return canonical(stored.kind === 'Secret' ? withoutValues(form, key) : withoutSecretData(form, key));
}

/**
 * Definitions are stored in a version that is no longer served (v1beta1): there the schema of a single version stands beside
 * the versions, and two members exist that v1 does not have. Every other kind here is stored as it is served.
 */
function asServed(definition: Members): Members {
  const { validation, version: _first, preserveUnknownFields, ...spec } = definition['spec'] as Members;
  const versions = (spec['versions'] as readonly Members[]).map((version) =>
    validation === undefined || version['schema'] !== undefined ? version : { ...version, schema: validation },
  );
  const prunes = preserveUnknownFields === true ? { preserveUnknownFields } : {};
  return { ...definition, spec: { ...spec, ...prunes, versions } };
}

function keptMetadata(metadata: Members): Members {
  const { annotations, ...rest } = without(metadata, countsAndEvidence);
  if (!isMembers(annotations)) return annotations === undefined ? rest : { ...rest, annotations };
  const kept = without(annotations, heartbeatAnnotations);
  const wasEmptied = Object.keys(kept).length === 0 && Object.keys(annotations).length > 0;
  return wasEmptied ? rest : { ...rest, annotations: kept };
}

function keptStatus(kind: string, status: Value | undefined): Value | undefined {
  const paths = Object.hasOwn(statusThatCounts, kind) ? statusThatCounts[kind] : undefined;
  if (status === undefined || paths === undefined) return undefined;
  return select(
    status,
    paths.map((path) => path.split('.')),
  );
}

/** The part of a value that some path reaches; undefined when none does. */
function select(value: Value, paths: readonly (readonly string[])[]): Value | undefined {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) {
    const rests = paths.filter(([head]) => head === '*').map((path) => path.slice(1));
    const items = (value as readonly Value[]).flatMap((item) => select(item, rests) ?? []);
    return items.length > 0 ? items : undefined;
  }
  if (!isMembers(value)) return undefined;
  const entries = Object.entries(value).flatMap(([member, child]): [string, Value][] => {
    const rests = paths.filter(([head]) => head === member).map((path) => path.slice(1));
    const part = rests.length === 0 ? undefined : select(child, rests);
    return part === undefined ? [] : [[member, part]];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function withoutValues(secret: Members, key: Buffer): Members {
  const { data } = secret;
  if (!isMembers(data)) return secret;
  const entries = Object.entries(data).map(([name, value]): [string, Value] => {
    const plain = typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
    return [name, plain === '' ? value : marker('secret', plain, key)];
  });
  return { ...secret, data: Object.fromEntries(entries) };
}

function withoutSecretData(object: Members, key: Buffer): Members {
  const { data } = object;
  if (!isMembers(data) || !secretNames.some((name) => typeof data[name] === 'string')) return object;
  const entries = Object.entries(data).map(([name, value]): [string, Value] => [
    name,
    typeof value === 'string' && secretNames.includes(name) ? marker(name, value, key) : value,
  ]);
  return { ...object, data: Object.fromEntries(entries) };
}

const marker = (secretClass: string, plain: string, key: Buffer): string =>
  `redacted(${secretClass}):${createHmac('sha256', key).update(plain).digest('base64url').slice(0, 22)}`;

/** Members in the order of UTF-16 code units, no white space. */
function canonical(value: Value): string {
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(canonical).join(',')}]`;
  if (!isMembers(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((member) => `${JSON.stringify(member)}:${canonical(value[member] ?? null)}`);
  return `{${members.join(',')}}`;
}

const without = (members: Members, names: readonly string[]): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));

const isMembers = (value: Value | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
