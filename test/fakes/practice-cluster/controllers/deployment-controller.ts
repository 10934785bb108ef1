import { createHash } from 'node:crypto';
import { secondsText } from '../clock.ts';
import { type JsonObject, numberAt, objectAt, sameJson } from '../object/json.ts';
import { controllerOf, type KubeObject, ownerReference } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { reportEvent } from './events.ts';
import { type Controller, type ControllerWorld, controllerIdentity, splitKey } from './controller.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A name part that depends on the template only. */
export const templateHash = (template: JsonObject): string => {
  const digest = createHash('sha256').update(JSON.stringify(template)).digest();
  return [...digest.subarray(0, 9)].map((byte) => hashAlphabet[byte % hashAlphabet.length]).join('');
};

/** A Deployment has one ReplicaSet for its present template; the others are scaled to nothing. */
export const deploymentController = (world: ControllerWorld): Controller => {
  const { store, actor } = world;
  const me = actor(controllerIdentity('deployment-controller'));
  const ownedSets = (deployment: KubeObject) =>
    store
      .list('replicasets.apps', deployment.metadata.namespace)
      .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid);

  const create = (deployment: KubeObject, revision: number): KubeObject => {
    const template = objectAt(objectAt(deployment, 'spec'), 'template');
    const hash = templateHash(template);
    const labels = { ...objectAt(objectAt(template, 'metadata'), 'labels'), 'pod-template-hash': hash };
    return me.create({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        namespace: deployment.metadata.namespace ?? '',
        labels,
        annotations: { [revisionAnnotation]: String(revision) },
        ownerReferences: [ownerReference(deployment)],
      },
      spec: {
        replicas: numberAt(objectAt(deployment, 'spec'), 'replicas') ?? 1,
        selector: {
          matchLabels: {
            ...objectAt(objectAt(objectAt(deployment, 'spec'), 'selector'), 'matchLabels'),
            'pod-template-hash': hash,
          },
        },
        template: { ...template, metadata: { ...objectAt(template, 'metadata'), labels } },
      },
    });
  };

  const report = (deployment: KubeObject, message: string): void =>
    reportEvent(
      me,
      deployment,
      { reason: 'ScalingReplicaSet', message, component: 'deployment-controller' },
      world.clock,
    );

  const scale = (deployment: KubeObject, set: KubeObject, replicas: number): void => {
    if (numberAt(objectAt(set, 'spec'), 'replicas') === replicas) return;
    const before = numberAt(objectAt(set, 'spec'), 'replicas') ?? 0;
    me.update({ ...set, spec: { ...objectAt(set, 'spec'), replicas } });
    report(
      deployment,
      `Scaled ${replicas > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`,
    );
  };

  return {
    name: 'deployment-controller',
    concerns: ({ kind, change }) => {
      const resource = storageKey(kind);
      if (resource === 'deployments.apps') return change.type === 'DELETED' ? [] : [change.key];
      const owner = resource === 'replicasets.apps' ? controllerOf(change.object) : undefined;
      return owner?.kind === 'Deployment' ? [`${change.object.metadata.namespace ?? ''}/${owner.name}`] : [];
    },
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const deployment = store.get('deployments.apps', namespace, name);
      if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
      const spec = objectAt(deployment, 'spec');
      const setName = `${name}-${templateHash(objectAt(spec, 'template'))}`;
      const sets = ownedSets(deployment);
      const newest = sets.reduce((most, set) => Math.max(most, revisionOf(set)), 0);
      const existing = sets.find((set) => set.metadata.name === setName);
      const current = existing ?? create(deployment, newest + 1);
      const revision = existing !== undefined && revisionOf(existing) < newest ? newest + 1 : revisionOf(current);
      if (revision !== revisionOf(current)) {
        me.update({
          ...current,
          metadata: {
            ...current.metadata,
            annotations: { ...current.metadata.annotations, [revisionAnnotation]: String(revision) },
          },
        });
      }
      scale(deployment, store.get('replicasets.apps', namespace, setName) ?? current, numberAt(spec, 'replicas') ?? 1);
      for (const set of sets) if (set.metadata.name !== setName) scale(deployment, set, 0);
      dropHistory(
        sets.filter((set) => set.metadata.name !== setName),
        numberAt(spec, 'revisionHistoryLimit') ?? 10,
        me,
      );
      updateStatus(world, deployment, { revision, set: store.get('replicasets.apps', namespace, setName) ?? current });
    },
  };
};

const revisionOf = (set: KubeObject): number => Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);

const dropHistory = (old: KubeObject[], limit: number, me: ReturnType<ControllerWorld['actor']>): void => {
  const idle = old
    .filter((set) => numberAt(objectAt(set, 'status'), 'replicas') === 0)
    .sort((a, b) => revisionOf(b) - revisionOf(a));
  for (const set of idle.slice(limit)) {
    me.delete({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      namespace: set.metadata.namespace ?? '',
      name: set.metadata.name,
    });
  }
};

const updateStatus = (
  world: ControllerWorld,
  deployment: KubeObject,
  rollout: { revision: number; set: KubeObject },
): void => {
  const me = world.actor(controllerIdentity('deployment-controller'));
  const counts = objectAt(rollout.set, 'status');
  const ready = numberAt(counts, 'readyReplicas') ?? 0;
  const wanted = numberAt(objectAt(deployment, 'spec'), 'replicas') ?? 1;
  const isAvailable = ready >= wanted;
  const now = secondsText(world.clock.now());
  const condition = (type: string, status: string, reason: string, message: string): JsonObject => {
    const before = (objectAt(deployment, 'status')['conditions'] as JsonObject[] | undefined)?.find(
      (item) => item['type'] === type,
    );
    const isSame = before?.['status'] === status;
    return {
      type,
      status,
      reason,
      message,
      lastUpdateTime: isSame ? (before?.['lastUpdateTime'] ?? now) : now,
      lastTransitionTime: isSame ? (before?.['lastTransitionTime'] ?? now) : now,
    };
  };
  const status: JsonObject = {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: numberAt(counts, 'replicas') ?? 0,
    updatedReplicas: numberAt(counts, 'replicas') ?? 0,
    ...(ready === 0 ? {} : { readyReplicas: ready, availableReplicas: ready }),
    ...(ready < wanted ? { unavailableReplicas: wanted - ready } : {}),
    conditions: [
      isAvailable
        ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
          ),
      condition(
        'Progressing',
        'True',
        isAvailable ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
        `ReplicaSet "${rollout.set.metadata.name}" ${isAvailable ? 'has successfully progressed.' : 'is progressing.'}`,
      ),
    ],
  };
  const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: String(rollout.revision) };
  if (sameJson(status, objectAt(deployment, 'status')) && sameJson(annotations, deployment.metadata.annotations))
    return;
  const { resourceVersion: _resourceVersion, ...metadata } = deployment.metadata;
  me.update({ ...deployment, metadata: { ...metadata, annotations }, status } as unknown as KubeObject, 'status');
};
