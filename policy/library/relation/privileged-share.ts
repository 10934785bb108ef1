/** Of all workloads of the cluster, few run privileged. Judged at the namespace kube-system, which every cluster has. */
import {
  everyItem,
  type Fact,
  hasPodBearingController,
  listAt,
  podBearingKinds,
  podTemplateOf,
  type ReadPath,
  type RelationControl,
  valueAt,
} from '@driftline/policy';
import { podReads, podSpecPath } from './pod-references.ts';

/** Whether a workload, or a pod that none controls, has a privileged container. */
const workloads: readonly Fact<boolean>[] = podBearingKinds.map((kind) => ({
  name: `${kind.kind}-is-privileged`,
  ...kind,
  reads: [
    ...podReads(kind),
    ...['initContainers', 'containers'].map(
      (list): ReadPath => [...podSpecPath(kind), list, everyItem, 'securityContext', 'privileged'],
    ),
  ],
  project(object) {
    const pod = hasPodBearingController(object) ? undefined : podTemplateOf(object, kind);
    if (pod === undefined) return undefined;
    const containers = ['initContainers', 'containers'].flatMap((list) => listAt(pod.spec, list));
    return containers.some((container) => valueAt(container, 'securityContext', 'privileged') === true);
  },
}));

export const privilegedShare: RelationControl = {
  name: 'privileged-share',
  reads: [],
  evaluate({ key, view, params }) {
    if (key.name !== 'kube-system') return { verdict: 'not-applicable' };
    const seen = workloads.flatMap((fact) => view.facts(fact));
    const privileged = seen.filter(({ value }) => value);
    const maximumPercent = Number(params['maximumPercent']);
    if (privileged.length * 100 <= maximumPercent * seen.length) return { verdict: 'pass' };
    const percent = Math.round((privileged.length * 1000) / seen.length) / 10;
    const reason = `${privileged.length} of ${seen.length} workloads (${percent} %) run privileged, more than ${maximumPercent} %`;
    return { verdict: 'fail', violations: [{ path: '', value: `${percent} %`, reason }] };
  },
};
