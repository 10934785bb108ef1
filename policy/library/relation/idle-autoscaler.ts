/** A HorizontalPodAutoscaler can scale: its target is there, requests what is measured, and has room to grow. */
import {
  everyItem,
  type Fact,
  listAt,
  type RelationControl,
  stringAt,
  valueAt,
  type Violation,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';

/** Resources that every container requests, of what an autoscaler can measure. */
const requested = (kind: string): Fact<readonly string[]> => ({
  name: `${kind}-requested-resources`,
  group: 'apps',
  kind,
  reads: [['spec', 'template', 'spec', 'containers', everyItem, 'resources']],
  project(workload) {
    const containers = listAt(workload, 'spec', 'template', 'spec', 'containers');
    return ['cpu', 'memory'].filter((resource) => containers.every((container) => requests(container, resource)));
  },
});

const targets: ReadonlyMap<string, Fact<readonly string[]>> = new Map(
  ['Deployment', 'StatefulSet'].map((kind) => [kind, requested(kind)]),
);

function requests(container: Json, resource: string): boolean {
  return ['requests', 'limits'].some((list) => valueAt(container, 'resources', list, resource) !== undefined);
}

export const idleAutoscaler: RelationControl = {
  name: 'idle-autoscaler',
  reads: [['object', 'spec']],
  evaluate({ object, key, view }) {
    const violations: Violation[] = [];
    const maximum = valueAt(object, 'spec', 'maxReplicas');
    const minimum = valueAt(object, 'spec', 'minReplicas') ?? 1;
    if (typeof maximum === 'number' && maximum === minimum)
      violations.push({ path: 'spec.maxReplicas', value: String(maximum), reason: 'it may only ever run one number' });
    const target = stringAt(object, 'spec', 'scaleTargetRef', 'kind');
    const name = stringAt(object, 'spec', 'scaleTargetRef', 'name');
    const fact = targets.get(target);
    if (fact !== undefined) {
      const resources = view.fact(fact, { group: 'apps', kind: target, namespace: key.namespace, name });
      if (resources === undefined)
        violations.push({ path: 'spec.scaleTargetRef', value: name, reason: `there is no ${target} ${name}` });
      else violations.push(...unmeasurable(object, resources, `${target} ${name}`));
    }
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};

function unmeasurable(object: JsonObject, resources: readonly string[], target: string): readonly Violation[] {
  const measured = listAt(object, 'spec', 'metrics')
    .filter((metric) => stringAt(metric, 'type') === 'Resource')
    .filter((metric) => stringAt(metric, 'resource', 'target', 'type') === 'Utilization')
    .map((metric) => stringAt(metric, 'resource', 'name'));
  const missing = [...new Set(measured)].filter((resource) => !resources.includes(resource));
  return missing.map((resource) => ({
    path: 'spec.metrics',
    value: resource,
    reason: `a container of ${target} requests no ${resource}, so its use has no percentage`,
  }));
}
