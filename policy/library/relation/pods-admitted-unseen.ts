/**
 * Pods of a namespace meet some admission policy: Pod Security, a validating webhook, or an admission policy whose
 * binding denies. What a policy asks is not judged here, only that one is asked.
 */
import {
  type Fact,
  labelsAt,
  type LabelSelector,
  listAt,
  matchesSelector,
  type RelationControl,
  stringAt,
  stringsOf,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { labelSelectorOf } from './label-selector.ts';

const group = 'admissionregistration.k8s.io';

/** Selectors of the namespaces in which a configuration's webhooks are sent pods. */
const podWebhooks: Fact<readonly LabelSelector[]> = {
  name: 'pod-webhook-namespaces',
  group,
  kind: 'ValidatingWebhookConfiguration',
  project(configuration) {
    const webhooks = listAt(configuration, 'webhooks').filter((one) => listAt(one, 'rules').some(seesNewPods));
    if (webhooks.length === 0) return undefined;
    return webhooks.map((webhook) => labelSelectorOf(valueAt(webhook, 'namespaceSelector')));
  },
};

/** Of an admission policy that judges pods. */
const podPolicies: Fact<LabelSelector> = {
  name: 'pod-admission-policy',
  group,
  kind: 'ValidatingAdmissionPolicy',
  project: (policy) =>
    listAt(policy, 'spec', 'matchConstraints', 'resourceRules').some(seesNewPods)
      ? labelSelectorOf(valueAt(policy, 'spec', 'matchConstraints', 'namespaceSelector'))
      : undefined,
};

type Binding = { readonly policy: string; readonly namespaces: LabelSelector };

const denyingBindings: Fact<Binding> = {
  name: 'denying-admission-binding',
  group,
  kind: 'ValidatingAdmissionPolicyBinding',
  project: (binding) =>
    stringsOf(valueAt(binding, 'spec', 'validationActions')).includes('Deny')
      ? {
          policy: stringAt(binding, 'spec', 'policyName'),
          namespaces: labelSelectorOf(valueAt(binding, 'spec', 'matchResources', 'namespaceSelector')),
        }
      : undefined,
};

function seesNewPods(rule: Json): boolean {
  const has = (member: string, ...wanted: readonly string[]) =>
    stringsOf(valueAt(rule, member)).some((item) => item === '*' || wanted.includes(item));
  return has('apiGroups', '') && has('operations', 'CREATE') && has('resources', 'pods', '*/*', 'pods/*');
}

export const podsAdmittedUnseen: RelationControl = {
  name: 'pods-admitted-unseen',
  reads: [['object', 'metadata', 'labels']],
  evaluate({ object, key, view, params }) {
    if (stringsOf(params['exempt']).includes(key.name)) return { verdict: 'not-applicable' };
    const labels: JsonObject = {
      ...Object.fromEntries(labelsAt(object, 'metadata', 'labels')),
      'kubernetes.io/metadata.name': key.name,
    };
    const level = labels['pod-security.kubernetes.io/enforce'];
    if (level === 'baseline' || level === 'restricted' || isSeen(labels, view)) return { verdict: 'pass' };
    const reason = `no admission policy sees the pods of namespace ${key.name}`;
    return { verdict: 'fail', violations: [{ path: '', value: '', reason }] };
  },
};

function isSeen(labels: JsonObject, view: TrackedView): boolean {
  const byWebhook = view
    .facts(podWebhooks)
    .some(({ value }) => value.some((selector) => matchesSelector(selector, labels)));
  if (byWebhook) return true;
  return view.facts(denyingBindings).some(({ value: { policy, namespaces } }) => {
    const key = { group, kind: podPolicies.kind, namespace: '', name: policy };
    const selector = matchesSelector(namespaces, labels) ? view.fact(podPolicies, key) : undefined;
    return selector !== undefined && matchesSelector(selector, labels);
  });
}
