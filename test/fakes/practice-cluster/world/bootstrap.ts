import { bootstrapRoles } from '../access/bootstrap-roles.ts';
import type { Actor, ActorIdentity } from '../actor.ts';
import { type Clock, microsText, secondsText } from '../clock.ts';
import type { JsonObject } from '../object/json.ts';
import { gatewayDefinitions } from './custom-definitions.ts';

export const nodeNames = ['node-1', 'node-2', 'node-3'] as const;

const apiServer: ActorIdentity = {
  user: 'system:apiserver',
  groups: ['system:masters'],
  userAgent: 'kube-apiserver/v1.36.0 (linux/amd64) kubernetes/practice',
  sourceIp: '127.0.0.1',
};

/** What a new cluster has before anybody uses it. */
export const bootstrap = (actorOf: (identity: ActorIdentity) => Actor, clock: Clock): void => {
  const server = actorOf(apiServer);
  for (const name of ['kube-system', 'kube-public', 'kube-node-lease', 'default'])
    server.create(named('v1', 'Namespace', name));
  for (const role of bootstrapRoles()) server.create(role);
  for (const object of systemObjects()) server.create(object);
  for (const definition of gatewayDefinitions()) server.create(definition);
  nodeNames.forEach((name, index) => registerNode(actorOf(kubelet(name)), name, index, clock));
};

export const kubelet = (node: string): ActorIdentity => ({
  user: `system:node:${node}`,
  userAgent: 'kubelet/v1.36.0 (linux/amd64) kubernetes/practice',
  sourceIp: `10.0.1.${nodeNames.findIndex((name) => name === node) + 11}`,
});

const named = (apiVersion: string, kind: string, name: string, rest: JsonObject = {}): JsonObject => ({
  apiVersion,
  kind,
  metadata: { name },
  ...rest,
});

const priorityClass = (name: string, value: number): JsonObject =>
  named('scheduling.k8s.io/v1', 'PriorityClass', name, {
    value,
    globalDefault: false,
    preemptionPolicy: 'PreemptLowerPriority',
    description: 'Used for system critical pods.',
  });

const systemObjects = (): JsonObject[] => [
  priorityClass('system-cluster-critical', 2_000_000_000),
  priorityClass('system-node-critical', 2_000_001_000),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
    },
  },
  named('storage.k8s.io/v1', 'StorageClass', 'standard', {
    provisioner: 'practice.driftline.io/disk',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
  }),
  named('networking.k8s.io/v1', 'IngressClass', 'nginx', { spec: { controller: 'k8s.io/ingress-nginx' } }),
];

const registerNode = (kubeletOf: Actor, name: string, index: number, clock: Clock): void => {
  const isControlPlane = index === 0;
  kubeletOf.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': `zone-${'abc'[index] ?? 'a'}`,
        ...(isControlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {}),
      },
    },
    spec: {
      podCIDR: `10.244.${index}.0/24`,
      podCIDRs: [`10.244.${index}.0/24`],
      ...(isControlPlane ? { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {}),
    },
  });
  const target = { apiVersion: 'v1', kind: 'Node', name };
  kubeletOf.patch(target, 'strategic', { status: nodeStatus(name, index, clock) }, { subresource: 'status' });
  kubeletOf.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microsText(clock.now()) },
  });
};

const nodeStatus = (name: string, index: number, clock: Clock): JsonObject => {
  const now = secondsText(clock.now());
  const condition = (type: string, status: string, reason: string, message: string): JsonObject => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    addresses: [
      { type: 'InternalIP', address: `10.0.1.${index + 11}` },
      { type: 'Hostname', address: name },
    ],
    capacity: { cpu: '4', memory: '16384Mi', pods: '110' },
    allocatable: { cpu: '4', memory: '15872Mi', pods: '110' },
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    nodeInfo: {
      machineID: `practice-${index}`,
      systemUUID: `practice-${index}`,
      bootID: `practice-${index}`,
      kernelVersion: '6.12.0',
      osImage: 'Practice Linux',
      containerRuntimeVersion: 'containerd://2.1.0',
      kubeletVersion: 'v1.36.0',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
  };
};
