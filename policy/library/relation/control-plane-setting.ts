/**
 * An argument of a component of the control plane, judged at its static pod in kube-system. Where there is none,
 * whoever runs the control plane hides it: then the namespace kube-system says so, once for each control.
 */
import {
  type Fact,
  labelsAt,
  listAt,
  type ReadPath,
  type RelationControl,
  stringAt,
  stringsOf,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { type BrokenSetting, brokenSettings, decidedElsewhere, type Setting } from './setting-rule.ts';

const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'] as const;

const podIdentity: readonly ReadPath[] = [
  ['metadata', 'namespace'],
  ['metadata', 'name'],
  ['metadata', 'labels'],
];

/** Which component a static pod runs. */
const controlPlanePods: Fact<string> = {
  name: 'control-plane-pod',
  group: '',
  kind: 'Pod',
  reads: podIdentity,
  project: (pod) => (stringAt(pod, 'metadata', 'namespace') === 'kube-system' ? componentOf(pod) : undefined),
  keys: (component) => [component],
};

function componentOf(pod: JsonObject): string | undefined {
  const label = labelsAt(pod, 'metadata', 'labels').get('component');
  const name = stringAt(pod, 'metadata', 'name');
  return (
    components.find((component) => label === component) ??
    components.find((component) => name.startsWith(`${component}-`) || name === component)
  );
}

/** Where the API server takes the authority of client certificates from. */
const clientAuthorities: Fact<string> = {
  name: 'client-authority',
  group: '',
  kind: 'Pod',
  reads: [...podIdentity, ['spec', 'containers']],
  project(pod) {
    if (stringAt(pod, 'metadata', 'namespace') !== 'kube-system' || componentOf(pod) !== 'kube-apiserver')
      return undefined;
    const containers = listAt(pod, 'spec', 'containers');
    return argumentsOf(containerOf(containers, 'kube-apiserver').container, 'kube-apiserver')('client-ca-file');
  },
  keys: () => ['client-ca-file'],
};

export const controlPlaneSetting: RelationControl = {
  name: 'control-plane-setting',
  reads: [
    ['object', 'metadata', 'labels'],
    ['podSpec', 'containers'],
  ],
  evaluate({ object, key, view, params, pod }) {
    const component = stringAt(params, 'component');
    if (key.kind === 'Namespace') {
      if (key.name !== 'kube-system' || view.lookup(controlPlanePods, component).length > 0)
        return { verdict: 'not-applicable' };
      const reason = `no pod of ${component} is in kube-system: whoever runs the control plane does not show its arguments`;
      return { verdict: 'not-assessable', reason };
    }
    if (pod === undefined || componentOf(object) !== component) return { verdict: 'not-applicable' };
    const containers = listAt(pod.spec, 'containers');
    const { named, container } = containerOf(containers, component);
    const setting = argumentsOf(container, component);
    const broken = [...brokenSettings(params, setting), ...sharedAuthority(params, setting, view)];
    if (broken.length === 0) return { verdict: 'pass' };
    const elsewhere = decidedElsewhere(params, setting);
    if (elsewhere !== undefined) {
      const reason = `the file that --${elsewhere} names decides it, and the API does not show that file`;
      return { verdict: 'not-assessable', reason };
    }
    const list = listAt(container, 'args').length > 0 && !hasFlags(container, 'command') ? 'args' : 'command';
    const path = `${pod.specPath}.containers[${named < 0 ? '0' : `name=${component}`}].${list}`;
    const violations = broken.map(({ name, value, why }) => ({
      path,
      value: value === '' ? '' : `--${name}=${value}`,
      reason: `--${name} of ${component} ${why}`,
    }));
    return { verdict: 'fail', violations };
  },
};

function containerOf(containers: readonly Json[], component: string) {
  const named = containers.findIndex((one) => stringAt(one, 'name') === component);
  return { named, container: containers[Math.max(named, 0)] };
}

/** `params.ownAuthority` names the argument that must not be the API server's authority of client certificates. */
function sharedAuthority(params: JsonObject, setting: Setting, view: TrackedView): readonly BrokenSetting[] {
  const name = stringAt(params, 'ownAuthority');
  const value = name === '' ? undefined : setting(name);
  if (value === undefined) return [];
  const isShared = view.lookup(clientAuthorities, 'client-ca-file').some((authority) => authority.value === value);
  return isShared ? [{ name, value, why: `is ${value}, which signs the clients of the API server, too` }] : [];
}

function hasFlags(container: Json | undefined, list: string): boolean {
  return stringsOf(valueAt(container, list)).some((item) => item.startsWith('--'));
}

/** `--a=b`, `--a b` and `--a`, the last one of each name; for etcd also its environment. An empty value sets nothing. */
function argumentsOf(container: Json | undefined, component: string): Setting {
  const given = new Map<string, string>();
  if (component === 'etcd')
    for (const variable of listAt(container, 'env')) {
      const name = stringAt(variable, 'name');
      if (name.startsWith('ETCD_'))
        given.set(name.slice(5).toLowerCase().replaceAll('_', '-'), stringAt(variable, 'value'));
    }
  const words = [...stringsOf(valueAt(container, 'command')), ...stringsOf(valueAt(container, 'args'))].flatMap(
    (item) => (item.includes(' --') ? item.split(/\s+/) : [item]),
  );
  for (const [index, word] of words.entries()) {
    if (!word.startsWith('--')) continue;
    const equals = word.indexOf('=');
    const next = words[index + 1];
    if (equals > 0) given.set(word.slice(2, equals), word.slice(equals + 1));
    else given.set(word.slice(2), next === undefined || next.startsWith('-') ? 'true' : next);
  }
  return (name) => given.get(name) || undefined;
}
