/**
 * A field of the configuration that kubeadm keeps in kube-system for kubelets and kube-proxy, judged at its ConfigMap.
 * Where there is none, the namespace kube-system says once for each control that nobody can see it.
 */
import { type Fact, type RelationControl, stringAt, valueAt } from '@driftline/policy';
import { fieldPath, type Json, type JsonObject } from '@driftline/proto';
import { parse } from 'yaml';
import { brokenSettings, decidedElsewhere, type Setting } from './setting-rule.ts';

const configMapNames = ['kubelet-config', 'kube-proxy'] as const;

/** Configurations are a few KiB; what is larger is none. */
const maxConfigurationCharacters = 65_536;

const configMaps: Fact<string> = {
  name: 'component-config-map',
  group: '',
  kind: 'ConfigMap',
  reads: [
    ['metadata', 'namespace'],
    ['metadata', 'name'],
  ],
  project: (object) =>
    stringAt(object, 'metadata', 'namespace') === 'kube-system'
      ? baseNameOf(stringAt(object, 'metadata', 'name'))
      : undefined,
  keys: (name) => [name],
};

/** Before Kubernetes 1.24 the name ended with the version: kubelet-config-1.23. */
function baseNameOf(name: string): string | undefined {
  return configMapNames.find(
    (base) => name === base || (name.startsWith(base) && /^-\d+\.\d+$/.test(name.slice(base.length))),
  );
}

export const configMapSetting: RelationControl = {
  name: 'config-map-setting',
  reads: [['object', 'data']],
  evaluate({ object, key, view, params }) {
    const wanted = stringAt(params, 'configMap');
    if (key.kind === 'Namespace') {
      if (key.name !== 'kube-system' || view.lookup(configMaps, wanted).length > 0)
        return { verdict: 'not-applicable' };
      const reason = `there is no ConfigMap ${wanted} in kube-system, and nothing else of the API shows the configuration`;
      return { verdict: 'not-assessable', reason };
    }
    if (key.namespace !== 'kube-system' || baseNameOf(key.name) !== wanted) return { verdict: 'not-applicable' };
    const entry = stringAt(params, 'entry');
    const configuration = readConfiguration(stringAt(object, 'data', entry));
    if (configuration === undefined)
      return { verdict: 'not-assessable', reason: `${fieldPath('data', entry)} holds no configuration in YAML` };
    const setting = fieldsOf(configuration);
    const broken = brokenSettings(params, setting);
    if (broken.length === 0) return { verdict: 'pass' };
    const elsewhere = decidedElsewhere(params, setting);
    if (elsewhere !== undefined)
      return { verdict: 'not-assessable', reason: `${elsewhere} decides it, and the API does not show that file` };
    const violations = broken.map(({ name, value, why }) => ({
      path: fieldPath('data', entry),
      value: value === '' ? '' : `${name}: ${value}`,
      reason: `${name} ${why}`,
    }));
    return { verdict: 'fail', violations };
  },
};

function readConfiguration(text: string): JsonObject | undefined {
  if (text === '' || text.length > maxConfigurationCharacters) return undefined;
  try {
    const value: unknown = parse(text, { maxAliasCount: 0, logLevel: 'error' });
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** By dotted path; lists as on a command line. An empty text sets nothing. */
function fieldsOf(configuration: JsonObject): Setting {
  return (path) => {
    const value: Json | undefined = valueAt(configuration, ...path.split('.'));
    if (Array.isArray(value)) return value.map(String).join(',') || undefined;
    return value === undefined || value === null || typeof value === 'object' ? undefined : String(value) || undefined;
  };
}
