import { createHash } from 'node:crypto';
import { targetOf } from '../actor.ts';
import { secondsText } from '../clock.ts';
import { type JsonObject, objectAt, objectsAt, stringAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { kubelet } from '../world/bootstrap.ts';
import { type Controller, type ControllerWorld, keysOf, splitKey } from './controller.ts';
import { reportEvent } from './events.ts';
import { affinityNode } from './pod-owner-controllers.ts';

/** Gives pods without a node one that takes them, in turn. */
export const schedulerController = ({ store, actor, clock }: ControllerWorld): Controller => {
  const me = actor({
    user: 'system:kube-scheduler',
    userAgent: 'kube-scheduler/v1.36.0 (linux/amd64) kubernetes/practice/scheduler',
    sourceIp: '10.0.1.11',
  });
  let turn = 0;
  const takesPods = (node: KubeObject) =>
    objectsAt(objectAt(node, 'spec'), 'taints').every((taint) => stringAt(taint, 'effect') !== 'NoSchedule');
  return {
    name: 'kube-scheduler',
    concerns: (commit) => (commit.change.type === 'DELETED' ? [] : keysOf(commit, 'pods')),
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const pod = store.get('pods', namespace, name);
      if (
        pod === undefined ||
        pod.metadata.deletionTimestamp !== undefined ||
        stringAt(objectAt(pod, 'spec'), 'nodeName') !== ''
      )
        return;
      const pinned = affinityNode(pod);
      const nodes = store
        .list('nodes')
        .filter((node) => (pinned === '' ? takesPods(node) : node.metadata.name === pinned));
      const chosen = nodes[turn % Math.max(1, nodes.length)]?.metadata;
      turn += 1;
      if (chosen === undefined) return;
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid: pod.metadata.uid },
        target: { apiVersion: 'v1', kind: 'Node', name: chosen.name },
      };
      me.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding);
      const message = `Successfully assigned ${namespace}/${name} to ${chosen.name}`;
      reportEvent(me, pod, { reason: 'Scheduled', message, component: 'default-scheduler' }, clock);
    },
  };
};

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What a runtime reports for an image: its repository at a digest that depends on the reference only. */
const imageId = (image: string): string => {
  if (image.includes('@sha256:')) return image;
  const repository = image.replace(/:[^/:]+$/, '');
  const full = repository.includes('.') || repository.includes('/') ? repository : `docker.io/library/${repository}`;
  return `${full}@sha256:${digestOf(image)}`;
};

const containerStatus = (container: JsonObject, now: string, isDone: boolean): JsonObject => {
  const id = `containerd://${digestOf(`${stringAt(container, 'name')} ${now}`)}`;
  const state = isDone
    ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now, containerID: id } }
    : { running: { startedAt: now } };
  return {
    name: stringAt(container, 'name'),
    image: stringAt(container, 'image'),
    imageID: imageId(stringAt(container, 'image')),
    containerID: id,
    ready: !isDone,
    started: !isDone,
    restartCount: 0,
    state,
    lastState: {},
  };
};

const podIp = (pod: KubeObject): string => {
  const bytes = Buffer.from(digestOf(pod.metadata.uid), 'hex');
  return `10.244.${(bytes[0] ?? 0) % 3}.${2 + ((bytes[1] ?? 0) % 250)}`;
};

const statusOf = (pod: KubeObject, node: string, now: string, isDone: boolean): JsonObject => {
  const spec = objectAt(pod, 'spec');
  const condition = (type: string, status: string): JsonObject => ({
    type,
    status,
    lastProbeTime: null,
    lastTransitionTime: now,
  });
  const host = kubelet(node).sourceIp;
  const address = spec['hostNetwork'] === true ? host : podIp(pod);
  const ready = isDone ? 'False' : 'True';
  return {
    phase: isDone ? 'Succeeded' : 'Running',
    conditions: [
      condition('Initialized', 'True'),
      condition('Ready', ready),
      condition('ContainersReady', ready),
      condition('PodScheduled', 'True'),
    ],
    hostIP: host,
    hostIPs: [{ ip: host }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: now,
    containerStatuses: objectsAt(spec, 'containers').map((container) => containerStatus(container, now, isDone)),
    ...(spec['initContainers'] === undefined
      ? {}
      : {
          initContainerStatuses: objectsAt(spec, 'initContainers').map((container) =>
            containerStatus(container, now, true),
          ),
        }),
  };
};

/** The nodes' agents: scheduled pods run, pods that must end are taken away. */
export const kubeletController = ({ store, actor, clock }: ControllerWorld): Controller => ({
  name: 'kubelet',
  concerns: (commit) => (commit.change.type === 'DELETED' ? [] : keysOf(commit, 'pods')),
  reconcile: (key) => {
    const { namespace, name } = splitKey(key);
    const pod = store.get('pods', namespace, name);
    const node = stringAt(objectAt(pod, 'spec'), 'nodeName');
    if (pod === undefined || node === '') return;
    const me = actor(kubelet(node));
    if (pod.metadata.deletionTimestamp !== undefined) {
      me.delete(targetOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
      return;
    }
    const phase = stringAt(objectAt(pod, 'status'), 'phase');
    const runsOnce = stringAt(objectAt(pod, 'spec'), 'restartPolicy') !== 'Always';
    const isDone =
      phase === 'Running' && runsOnce && pod.metadata.ownerReferences?.some((owner) => owner.kind === 'Job') === true;
    if (phase !== 'Pending' && !isDone) return;
    const now = secondsText(clock.now());
    me.patch(targetOf(pod), 'strategic', { status: statusOf(pod, node, now, isDone) }, { subresource: 'status' });
    if (isDone) return;
    for (const container of objectsAt(objectAt(pod, 'spec'), 'containers')) {
      const message = `Started container ${stringAt(container, 'name')}`;
      reportEvent(me, pod, { reason: 'Started', message, component: 'kubelet' }, clock);
    }
  },
});
