/**
 * Why two tools answer one question differently about one object. A class is a predicate over the object, so that the
 * bench decides what it explains; what no class explains is counted and named.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, ownValue } from '@driftline/proto';
import type { ToolName } from './checks.ts';

export type Seen = {
  readonly object: JsonObject;
  readonly group: string;
  readonly kind: string;
  /** Of the pod it is or makes; {} of other kinds. */
  readonly podSpec: JsonObject;
  readonly containers: readonly JsonObject[];
  readonly initContainers: readonly JsonObject[];
  /** Whether Driftline flags the object for this control. */
  readonly isFlaggedHere: (control: string) => boolean;
  /** Whether a Service of its namespace has no selector that its pods do not have. */
  readonly isBehindService: boolean;
};

export type Difference = {
  readonly why: string;
  /** Who flags the object, and the other does not. */
  readonly flags: 'it' | 'driftline';
  readonly tools: readonly ToolName[];
  /** All when not given. */
  readonly questions?: readonly string[];
  readonly holds: (seen: Seen) => boolean;
};

const member = (value: Json | undefined, ...keys: readonly string[]): Json | undefined =>
  keys.reduce<Json | undefined>((at, key) => (isJsonObject(at) ? ownValue(at, key) : undefined), value);
const objectsAt = (value: Json | undefined): readonly JsonObject[] =>
  isJsonArray(value) ? value.filter(isJsonObject) : [];
const isSet = (value: Json | undefined): boolean => value !== undefined && value !== null;

function podOf(object: JsonObject): Json | undefined {
  switch (object['kind']) {
    case 'Pod':
      return object;
    case 'CronJob':
      return member(object, 'spec', 'jobTemplate', 'spec', 'template');
    default:
      return member(object, 'spec', 'template');
  }
}

/** The objects of the folder, as the classes look at them. */
export function seeing(objects: readonly JsonObject[]): (object: JsonObject, flags: ReadonlySet<string>) => Seen {
  const services = objects.filter(({ kind }) => kind === 'Service');
  return (object, flags) => {
    const pod = podOf(object);
    const spec = member(pod, 'spec');
    const podSpec = isJsonObject(spec) ? spec : {};
    const version = object['apiVersion'];
    const [group = ''] = typeof version === 'string' && version.includes('/') ? version.split('/') : [];
    return {
      object,
      group,
      kind: typeof object['kind'] === 'string' ? object['kind'] : '',
      podSpec,
      containers: objectsAt(podSpec['containers']),
      initContainers: objectsAt(podSpec['initContainers']),
      isFlaggedHere: (control) => flags.has(control),
      isBehindService: services.some((service) => selects(service, object, pod)),
    };
  };
}

function selects(service: JsonObject, object: JsonObject, pod: Json | undefined): boolean {
  if ((member(service, 'metadata', 'namespace') ?? '') !== (member(object, 'metadata', 'namespace') ?? ''))
    return false;
  const selector = member(service, 'spec', 'selector');
  const wanted = isJsonObject(selector) ? Object.entries(selector) : [];
  return wanted.every(([key, value]) => member(pod, 'metadata', 'labels', key) === value);
}

const hasAll = (container: JsonObject, section: 'limits' | 'requests'): boolean =>
  ['cpu', 'memory'].every((name) => isSet(member(container, 'resources', section, name)));
const isReadOnly = (container: JsonObject): boolean =>
  member(container, 'securityContext', 'readOnlyRootFilesystem') === true;
const isBounded = (container: JsonObject): boolean => hasAll(container, 'limits');
const isNoRoot = (container: JsonObject): boolean => member(container, 'securityContext', 'runAsNonRoot') === true;

/** What lacks stands in an init container only. */
const isOnlyInit =
  (has: (container: JsonObject) => boolean) =>
  ({ containers, initContainers }: Seen): boolean =>
    containers.every(has) && !initContainers.every(has);

const imagesOf = ({ containers, initContainers }: Seen): readonly string[] =>
  [...containers, ...initContainers].map(({ image }) => image).filter((image) => typeof image === 'string');
const hasNoImage = (seen: Seen): boolean => imagesOf(seen).length < seen.containers.length + seen.initContainers.length;

const isForLongRunning = ({ kind }: Seen): boolean => kind === 'Deployment' || kind === 'StatefulSet';
const userOf = (part: Json | undefined): number => Number(member(part, 'securityContext', 'runAsUser') ?? 0);

export const differences: readonly Difference[] = [
  {
    why: 'an API that is gone: the workloads of extensions/v1beta1 are DL-API-001 and nothing else, no cluster takes them',
    flags: 'it',
    tools: ['kube-score', 'checkov', 'gator', 'kyverno', 'opa'],
    holds: ({ group, isFlaggedHere }) => group === 'extensions' && isFlaggedHere('DL-API-001'),
  },
  {
    why: 'the constraints of the corpus match Pods, and not what makes Pods',
    flags: 'driftline',
    tools: ['gator'],
    holds: ({ kind }) => kind !== 'Pod',
  },
  {
    why: 'ReplicationControllers and ReplicaSets are not scored',
    flags: 'driftline',
    tools: ['kube-score'],
    holds: ({ kind }) => kind === 'ReplicationController' || kind === 'ReplicaSet',
  },
  {
    why: 'a limit is a request, too: where a container has a limit and no request Kubernetes takes the limit for it',
    flags: 'it',
    tools: ['kube-score', 'kyverno', 'checkov'],
    questions: ['requests and limits'],
    holds: ({ containers }) => containers.every(isBounded) && !containers.every((one) => hasAll(one, 'requests')),
  },
  {
    why: 'init containers are asked as well there',
    flags: 'it',
    tools: ['kube-score', 'checkov', 'kyverno', 'gator'],
    questions: ['requests and limits'],
    holds: isOnlyInit(isBounded),
  },
  {
    why: 'init containers are asked as well there',
    flags: 'it',
    tools: ['kube-score', 'checkov', 'kyverno', 'gator'],
    questions: ['root file system writable'],
    holds: isOnlyInit(isReadOnly),
  },
  {
    why: 'init containers are not asked there',
    flags: 'driftline',
    tools: ['checkov'],
    questions: ['may run as root'],
    holds: isOnlyInit(isNoRoot),
  },
  {
    why: 'readiness is asked of Deployments and StatefulSets here, of everything that runs there',
    flags: 'it',
    tools: ['kube-score', 'checkov'],
    questions: ['probes'],
    holds: (seen) => !isForLongRunning(seen),
  },
  {
    why: 'liveness is asked as well there: without a need for it such a probe restarts what only is slow',
    flags: 'it',
    tools: ['kube-score', 'checkov'],
    questions: ['probes'],
    holds: ({ containers }) => containers.some((one) => !isSet(one['livenessProbe'])),
  },
  {
    why: 'pods that no Service selects are not asked for probes there',
    flags: 'driftline',
    tools: ['kube-score'],
    questions: ['probes'],
    holds: ({ isBehindService }) => !isBehindService,
  },
  {
    why: 'a user id that is not 0 is enough there; here runAsNonRoot, which the kubelet enforces',
    flags: 'driftline',
    tools: ['checkov'],
    questions: ['may run as root'],
    holds: ({ podSpec, containers }) => userOf(podSpec) > 0 || containers.every((one) => userOf(one) > 0),
  },
  {
    why: 'any colon in the image counts for a tag there (`image:`, `ko://image`)',
    flags: 'driftline',
    tools: ['kyverno', 'kube-score'],
    questions: ['no image version'],
    holds: (seen) => imagesOf(seen).some((image) => image.includes(':') && !/:[^/:]+$/.test(image)),
  },
  {
    why: 'a container without an image is not asked there',
    flags: 'driftline',
    tools: ['opa'],
    questions: ['no image version'],
    holds: hasNoImage,
  },
  {
    why: 'a container without an image is not asked there',
    flags: 'driftline',
    tools: ['checkov'],
    holds: hasNoImage,
  },
  {
    why: 'what has no container is flagged there: a part of a manifest, which an API server would refuse',
    flags: 'it',
    tools: ['kube-score', 'checkov', 'gator', 'kyverno'],
    holds: ({ containers }) => containers.length === 0,
  },
  {
    why: 'the DeploymentConfigs of OpenShift are asked there',
    flags: 'it',
    tools: ['checkov'],
    holds: ({ kind }) => kind === 'DeploymentConfig',
  },
  {
    why: 'the network of the node is the question of another constraint there',
    flags: 'driftline',
    tools: ['gator'],
    questions: ['host namespaces'],
    holds: ({ podSpec }) =>
      podSpec['hostNetwork'] === true && podSpec['hostPID'] !== true && podSpec['hostIPC'] !== true,
  },
  {
    why: 'a limit on CPU is not asked for there',
    flags: 'driftline',
    tools: ['kyverno'],
    questions: ['requests and limits'],
    holds: ({ containers }) =>
      containers.every((one) => hasAll(one, 'requests') && isSet(member(one, 'resources', 'limits', 'memory'))),
  },
  {
    why: 'one container with a probe is enough there',
    flags: 'driftline',
    tools: ['kube-score'],
    questions: ['probes'],
    holds: ({ containers }) => containers.some((one) => isSet(one['readinessProbe'])),
  },
];

/** The first class that explains why one tool flags the object and Driftline does not, or the other way round. */
export function explain(
  seen: Seen,
  {
    question,
    tool,
    flags,
  }: { readonly question: string; readonly tool: ToolName; readonly flags: Difference['flags'] },
): Difference | undefined {
  return differences.find(
    (one) =>
      one.flags === flags && one.tools.includes(tool) && one.questions?.includes(question) !== false && one.holds(seen),
  );
}
