/** One case of a Kubescape rule: the objects as a cluster of ours, and which of them it expects alerts about. */
import { createHmac } from 'node:crypto';
import type { CompiledControl } from '@driftline/policy';
import { createEngine, objectKeyOf, stringAt } from '@driftline/policy';
import { type Json, type JsonObject, redact } from '@driftline/proto';
import type { RuleAnswer } from './kubescape-rules.ts';

export type Alert = { readonly alertObject?: JsonObject; readonly relatedObjects?: readonly JsonObject[] | null };

export type Case = {
  readonly rule: string;
  readonly case: string;
  readonly data: { readonly postureControlInputs?: Readonly<Record<string, readonly string[]>> } | null;
  readonly input: readonly JsonObject[];
  readonly expected: readonly Alert[] | null;
};

/** Of an object of the case, by `<kind> <name>`: how many of that name are alerted there, and how many fail here. */
export type Difference = { readonly object: string; readonly they: number; readonly we: number };

const hmac = (text: string) => createHmac('sha256', 'a key for tests').update(text).digest('base64url').slice(0, 22);

/** A flag of the kubelet overrides its file, and the file of a kubelet that is not told to read one is not its own. */
export function isOnNodesOnly({ input }: Case, { flag }: RuleAnswer): boolean {
  return input.some((object) => {
    if (object['kind'] !== 'KubeletInfo') return false;
    const line = stringAt(object, 'data', 'cmdLine');
    const readsFile = line.includes('--config') && configurationOf(object) !== undefined;
    return !readsFile || (flag !== undefined && line.includes(`--${flag}=`));
  });
}

export function differences(one: Case, controls: readonly CompiledControl[]): readonly Difference[] {
  const verdicts = judge(one.input, controls);
  const counts = new Map<string, { fails: number; all: number }>();
  for (const { name, fails } of verdicts) {
    const count = counts.get(name) ?? { fails: 0, all: 0 };
    counts.set(name, { fails: count.fails + (fails ? 1 : 0), all: count.all + 1 });
  }
  const alerts = (one.expected ?? []).map((alert) => namesIn(alert).filter((name) => counts.has(name)));
  const missed = alerts
    .filter((names) => !names.some((name) => (counts.get(name)?.fails ?? 0) > 0))
    .map((names) => ({ object: names[0] ?? 'nothing of the case', they: 1, we: 0 }));
  const others = [...counts].flatMap(([object, { fails, all }]) => {
    const they = Math.min(all, alerts.filter((names) => names.includes(object)).length);
    // One alert may name several objects, and is answered by one finding on any of them.
    return fails > 0 && (they === 0 || (all > 1 && they !== fails)) ? [{ object, they, we: fails }] : [];
  });
  const all = [...missed, ...others];
  return all.filter(({ object }, index) => all.findIndex((other) => other.object === object) === index);
}

/** Objects of one name cannot be in one cluster: each is judged in a cluster of its own, beside all the others. */
function judge(input: readonly JsonObject[], controls: readonly CompiledControl[]) {
  const objects = input.map((object) => ({ name: nameOf(object), object: redact(asStored(object), hmac) }));
  const engine = createEngine({ controls, covers: () => true });
  const rest = objects.filter(({ name }, index) => objects.findIndex((other) => other.name === name) === index);
  engine.apply(rest.map(changeTo), 0);
  return objects.map((one) => {
    engine.apply([changeTo(one)], 0);
    const verdicts = controls.map(({ meta }) => engine.verdict(objectKeyOf(one.object), meta.id)?.verdict);
    return { name: one.name, fails: verdicts.includes('fail') };
  });
}

function changeTo({ name, object }: { readonly name: string; readonly object: JsonObject }) {
  return { key: objectKeyOf(object), uid: name, after: object };
}

const clusterScoped =
  /^((Cilium)?Cluster.*|Namespace|Node|APIService|.*WebhookConfiguration|PersistentVolume|StorageClass)$/;

/** As an API server would hold it: in a namespace, and a kubelet's file as the ConfigMap it is made from. */
function asStored(object: JsonObject): JsonObject {
  const configuration = object['kind'] === 'KubeletInfo' ? configurationOf(object) : undefined;
  if (configuration !== undefined)
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kubelet-config', namespace: 'kube-system' },
      data: { kubelet: configuration },
    };
  const metadata = (object['metadata'] ?? {}) as JsonObject;
  if (metadata['namespace'] !== undefined || clusterScoped.test(stringAt(object, 'kind'))) return object;
  return { ...object, metadata: { ...metadata, namespace: 'default' } };
}

function configurationOf(object: JsonObject): string | undefined {
  const file = (object['data'] as JsonObject)['configFile'] as JsonObject | undefined;
  return typeof file?.['content'] === 'string' ? Buffer.from(file['content'], 'base64').toString('utf8') : undefined;
}

/** Without the namespace, which alerts leave out. */
function nameOf(object: JsonObject): string {
  return `${stringAt(object, 'kind')} ${stringAt(object, 'metadata', 'name')}`;
}

/** What an alert is about, and what it tells beside that, which is where a binding or role is found. */
function namesIn({ alertObject, relatedObjects }: Alert): readonly string[] {
  const external = alertObject?.['externalObjects'] as JsonObject | undefined;
  const objects: readonly Json[] = [
    ...listed(alertObject?.['k8sApiObjects']),
    ...listed(external),
    ...listed(external?.['relatedObjects']),
    ...(relatedObjects ?? []).map((related) => related['object'] ?? null),
  ];
  return objects.filter((object) => object !== null).map((object) => nameOf(object as JsonObject));
}

function listed(value: Json | undefined): readonly Json[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];
}
