/** A parsed document becomes objects to judge and texts to look through. */
import { objectKeyOf, type ObjectKey } from '@driftline/policy';
import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  mapItems,
  mapMembers,
  ProtocolError,
} from '@driftline/proto';
import { credentialsIn, type Redactor } from './credentials.ts';
import { noObject, type Place, type Problem, type ScannedObject, type ScannedText } from './finding.ts';
import { objectsIn, type ParsedDocument } from './parse-documents.ts';

export type ReadContext = {
  readonly redactor: Redactor;
  /** For objects of namespaced kinds that name no namespace; '' leaves them without. */
  readonly namespace: string;
  /** Where credentials count: not in Secrets that a chart makes of its values, and not twice where files were rendered. */
  readonly credentials: 'everywhere' | 'not-in-secrets' | 'nowhere';
};

export type ReadDocument = {
  readonly objects: readonly ScannedObject[];
  readonly texts: readonly ScannedText[];
  readonly problems: readonly Problem[];
};

export function readDocument(document: ParsedDocument, context: ReadContext): ReadDocument {
  const objects: ScannedObject[] = [];
  const texts: ScannedText[] = [];
  const problems: Problem[] = [];
  for (const { value, base } of objectsIn(document.value)) {
    const locate = (path: string): Place => document.locate(base, path);
    try {
      if (isKubernetesObject(value)) objects.push(scannedObject({ object: value, address: '', locate }, context));
      else if (typeof value === 'object' && value !== null) {
        texts.push(scannedText(value, locate, context));
        const reason = whyNoObject(value);
        if (reason !== '') problems.push({ ...locate('kind'), reason });
      }
    } catch (error) {
      if (!(error instanceof ProtocolError) && !(error instanceof RangeError)) throw error;
      problems.push({ ...locate(''), reason: 'nested too deep to be judged' });
    }
  }
  return { objects, texts, problems };
}

/** Build instructions of kustomize look like objects; nothing in a cluster is made of them. */
const notInClusters = /^kustomize(\.config\.k8s\.io)?\//;

export function isKubernetesObject(value: Json): value is JsonObject {
  if (!isJsonObject(value)) return false;
  const { apiVersion, kind, metadata } = value;
  return (
    typeof apiVersion === 'string' &&
    typeof kind === 'string' &&
    apiVersion !== '' &&
    kind !== '' &&
    (metadata === undefined || metadata === null || isJsonObject(metadata)) &&
    !notInClusters.test(apiVersion)
  );
}

/** Why something that is written as an object is none; '' when it is not written as one. */
function whyNoObject(value: Json): string {
  if (!isJsonObject(value) || !Object.hasOwn(value, 'apiVersion') || !Object.hasOwn(value, 'kind')) return '';
  if (typeof value['apiVersion'] !== 'string' || typeof value['kind'] !== 'string')
    return 'apiVersion and kind must be text (a template? render it first: helm template … | driftline scan -)';
  return notInClusters.test(value['apiVersion']) ? '' : 'metadata must be an object, and apiVersion and kind not empty';
}

type Given = {
  readonly object: JsonObject;
  readonly address: string;
  readonly locate: (path: string) => Place;
};

export function scannedObject({ object, address, locate }: Given, context: ReadContext): ScannedObject {
  const redacted = context.redactor.withoutSecrets(object);
  const key = keyOf(redacted, context.namespace);
  const isSecret = key.kind === 'Secret' && key.group === '';
  const isLooked = context.credentials === 'everywhere' || (context.credentials === 'not-in-secrets' && !isSecret);
  const credentials = redacted === object || !isLooked ? [] : credentialsIn(object, redacted);
  return { key, object: withoutNulls(inNamespace(redacted, key)), address, credentials, locate };
}

/** As the API server takes it: a member that is null is not set. The same reference when there is none. */
function withoutNulls<T extends Json>(value: T): T {
  if (isJsonArray(value)) return mapItems(value, withoutNulls) as Json as T;
  if (!isJsonObject(value)) return value;
  const mapped = mapMembers(value, withoutNulls);
  for (const key of Object.keys(mapped)) {
    if (mapped[key] === null)
      return Object.fromEntries(Object.entries(mapped).filter(([, member]) => member !== null)) as Json as T;
  }
  return mapped as Json as T;
}

function scannedText(value: Json, locate: (path: string) => Place, { redactor }: ReadContext): ScannedText {
  const wrapped = { value };
  const redacted = redactor.withoutSecrets(wrapped);
  const credentials = redacted === wrapped ? [] : credentialsIn(value, redacted['value'] ?? null);
  return { key: noObject, address: '', credentials, locate };
}

/** Built-in kinds without a namespace. Of custom ones, the file does not say. */
const clusterScoped: ReadonlySet<string> = new Set(
  (
    'Namespace Node PersistentVolume ClusterRole ClusterRoleBinding CustomResourceDefinition StorageClass PriorityClass ' +
    'IngressClass GatewayClass RuntimeClass CSIDriver CSINode VolumeAttachment APIService MutatingWebhookConfiguration ' +
    'ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy ' +
    'MutatingAdmissionPolicyBinding FlowSchema PriorityLevelConfiguration CertificateSigningRequest ClusterTrustBundle ' +
    'AdminNetworkPolicy BaselineAdminNetworkPolicy PodSecurityPolicy ComponentStatus'
  ).split(' '),
);

/** `namespace` of objects that say none, where the kind may have one; an object without a name is told by what it has. */
function keyOf(object: JsonObject, namespace: string): ObjectKey {
  const key = objectKeyOf(object);
  const metadata = object['metadata'];
  const generated = isJsonObject(metadata) ? metadata['generateName'] : undefined;
  return {
    ...key,
    namespace: key.namespace === '' && !clusterScoped.has(key.kind) ? namespace : key.namespace,
    name: key.name === '' ? (typeof generated === 'string' ? `${generated}*` : '(no name)') : key.name,
  };
}

function inNamespace(object: JsonObject, { namespace }: ObjectKey): JsonObject {
  const metadata = object['metadata'];
  const known = isJsonObject(metadata) ? metadata : {};
  return namespace === '' || known['namespace'] === namespace
    ? object
    : { ...object, metadata: { ...known, namespace } };
}
