import { secondsText } from '../clock.ts';
import { numberAt, objectAt, stringAt } from '../object/json.ts';
import { controllerOf } from '../object/kube-object.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity, splitKey } from './controller.ts';
import { podFor, podsOf } from './pod-owner-controllers.ts';

/** A Job runs its pods once each, and is complete when enough of them have succeeded. */
export const jobController = (world: ControllerWorld): Controller => {
  const { store, clock } = world;
  const me = world.actor(controllerIdentity('job-controller'));
  return {
    name: 'job-controller',
    concerns: ({ kind, change }) => {
      if (storageKey(kind) === 'jobs.batch') return change.type === 'DELETED' ? [] : [change.key];
      const owner = storageKey(kind) === 'pods' ? controllerOf(change.object) : undefined;
      return owner?.kind === 'Job' ? [`${change.object.metadata.namespace ?? ''}/${owner.name}`] : [];
    },
    reconcile: (key) => {
      const { namespace, name } = splitKey(key);
      const job = store.get('jobs.batch', namespace, name);
      const status = objectAt(job, 'status');
      if (job === undefined || job.metadata.deletionTimestamp !== undefined || status['completionTime'] !== undefined)
        return;
      const completions = numberAt(objectAt(job, 'spec'), 'completions') ?? 1;
      const pods = podsOf(world, job);
      for (let missing = completions - pods.length; missing > 0; missing -= 1) {
        me.create(podFor(job, { labels: { 'job-name': name, 'batch.kubernetes.io/job-name': name } }));
      }
      const succeeded = pods.filter((pod) => stringAt(objectAt(pod, 'status'), 'phase') === 'Succeeded').length;
      const now = secondsText(clock.now());
      const startTime = status['startTime'] ?? now;
      const target = { apiVersion: 'batch/v1', kind: 'Job', namespace, name };
      if (succeeded < completions) {
        me.patch(
          target,
          'merge',
          { status: { startTime, active: completions - succeeded, succeeded } },
          { subresource: 'status' },
        );
        return;
      }
      const condition = {
        type: 'Complete',
        status: 'True',
        lastProbeTime: now,
        lastTransitionTime: now,
        reason: 'CompletionsReached',
        message: 'Reached expected number of succeeded pods',
      };
      me.patch(
        target,
        'merge',
        { status: { startTime, completionTime: now, active: null, succeeded, conditions: [condition] } },
        { subresource: 'status' },
      );
    },
  };
};
