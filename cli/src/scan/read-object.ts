/** A parsed document becomes objects to judge and texts to look through. */
import { objectKeyOf, type ObjectKey } from '@driftline/policy';
import { isJsonObject, type Json, type JsonObject, ProtocolError } from '@driftline/proto';
import { credentialsIn, type Redactor } from './credentials.ts';
import type { Place, Problem, ScannedObject, ScannedText } from './finding.ts';
import { objectsIn, type ParsedDocument } from './parse-documents.ts';

export type ReadContext = {
  readonly redactor: Redactor;
  /** For objects of namespaced kinds that name no namespace; '' leaves them without. */
  readonly namespace: string;
  /** Rendered from a template: values of Secrets come from elsewhere. */
  readonly isRendered: boolean;
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
      else if (typeof value === 'object' && value !== null) texts.push(scannedText(value, locate, context));
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

type Given = {
  readonly object: JsonObject;
  readonly address: string;
  readonly locate: (path: string) => Place;
};

export function scannedObject({ object, address, locate }: Given, context: ReadContext): ScannedObject {
  const redacted = context.redactor.withoutSecrets(object);
  const key = keyOf(redacted, context.namespace);
  const isSecret = key.kind === 'Secret' && key.group === '';
  const credentials = redacted === object || (isSecret && context.isRendered) ? [] : credentialsIn(object, redacted);
  return { key, object: inNamespace(redacted, key), address, credentials, locate };
}

function scannedText(value: Json, locate: (path: string) => Place, { redactor }: ReadContext): ScannedText {
  const wrapped = { value };
  const redacted = redactor.withoutSecrets(wrapped);
  const credentials = redacted === wrapped ? [] : credentialsIn(value, redacted['value'] ?? null);
  return { name: '', credentials, locate };
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
