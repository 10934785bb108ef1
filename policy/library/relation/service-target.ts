/**
 * Something in the namespace of a Service has the labels it selects. Workloads answer for the pods they make; what other
 * controllers make (operators) is asked itself.
 */
import {
  type Fact,
  labelsAt,
  listAt,
  type RelationControl,
  stringAt,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';

type Labels = readonly (readonly [name: string, value: string])[];

const template = ['spec', 'template', 'metadata', 'labels'] as const;

const labelsByKind: readonly (readonly [group: string, kind: string, labels: readonly string[]])[] = [
  ['apps', 'Deployment', template],
  ['apps', 'StatefulSet', template],
  ['apps', 'DaemonSet', template],
  ['apps', 'ReplicaSet', template],
  ['', 'ReplicationController', template],
  ['batch', 'Job', template],
  ['batch', 'CronJob', ['spec', 'jobTemplate', ...template]],
  ['', 'Pod', ['metadata', 'labels']],
];

const targets: readonly Fact<Labels>[] = labelsByKind.map(([group, kind, path]) => ({
  name: `service-target-${kind}`,
  group,
  kind,
  reads: [['metadata', 'ownerReferences'], path],
  project: (object) => (isMadeByWorkload(object) ? undefined : sortedLabels(object, path)),
  keys: (labels, { namespace }) => labels.map(([name, value]) => labelKey(namespace, name, value)),
}));

const labelKey = (...parts: readonly string[]): string => JSON.stringify(parts);

function sortedLabels(object: JsonObject, path: readonly string[]): Labels | undefined {
  const labels = [...labelsAt(object, ...path)].sort(([a], [b]) => (a < b ? -1 : 1));
  return labels.length === 0 ? undefined : labels;
}

function isMadeByWorkload(object: JsonObject): boolean {
  const isWorkload = (owner: Json) => labelsByKind.some(([, kind]) => kind === stringAt(owner, 'kind'));
  return listAt(object, 'metadata', 'ownerReferences').some(
    (owner) => valueAt(owner, 'controller') === true && isWorkload(owner),
  );
}

/** Labels that pods get while they run: which of several is the leader, and their own name. */
const givenLater = /(^|[./-])(role|instanceRole)$|^statefulset\.kubernetes\.io\/|^apps\.kubernetes\.io\/pod-index$/;

export const serviceTarget: RelationControl = {
  name: 'service-target',
  reads: [
    ['object', 'spec', 'selector'],
    ['object', 'spec', 'type'],
  ],
  evaluate({ object, key, view }) {
    const wanted = [...labelsAt(object, 'spec', 'selector')].filter(([name]) => !givenLater.test(name));
    const [first] = wanted;
    if (first === undefined || stringAt(object, 'spec', 'type') === 'ExternalName')
      return { verdict: 'not-applicable' };
    if (isSelected(key.namespace, first, wanted, view)) return { verdict: 'pass' };
    const value = wanted.map((label) => label.join('=')).join(', ');
    const reason = `no pod and no workload of ${key.namespace} has ${value}: the Service leads nowhere`;
    return { verdict: 'fail', violations: [{ path: 'spec.selector', value, reason }] };
  },
};

function isSelected(namespace: string, first: Labels[number], wanted: Labels, view: TrackedView): boolean {
  return targets.some((fact) =>
    view
      .lookup(fact, labelKey(namespace, ...first))
      .some(({ value }) => wanted.every(([name, own]) => value.some(([n, v]) => n === name && v === own))),
  );
}
