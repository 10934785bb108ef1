/**
 * What really happened: every commit of the practice cluster, in the form in which the agent must send it. Two commits
 * of an object in a row with one canonical form are one version.
 */
import { type Hmac, type JsonObject, canonicalJson, redact } from '@driftline/proto';
import { normalise } from '../../../agent/src/capture/normalise.ts';
import type { PracticeCluster } from '../practice-cluster/index.ts';
import { storageKey } from '../practice-cluster/store/kind.ts';

/** Canonical JSON, or '' for the end of an object. */
export type Form = string;
/** Forms of each object, in order, by `<resource>[.<group>] <namespace>/<name>`. */
export type History = Map<string, Form[]>;

export type Truth = { readonly history: History; stop(): void };

const unwatched =
  /^(events|events\.events\.k8s\.io|leases\.coordination\.k8s\.io|endpoints|endpointslices\.discovery\.k8s\.io)$/;

/** Each object begins with the form it has now. */
export function recordTruth(cluster: PracticeCluster, hmac: Hmac, isWatched = (_resource: string) => true): Truth {
  const history: History = new Map();
  const note = (resource: string, object: JsonObject, isDeleted: boolean): void => {
    if (unwatched.test(resource) || !isWatched(resource)) return;
    const { namespace = '', name } = object['metadata'] as { namespace?: string; name: string };
    const key = `${resource} ${namespace}/${name}`;
    append(history, key, isDeleted ? '' : canonicalJson(redact(normalise(object, resource), hmac)));
  };
  for (const kind of cluster.store.kinds.all()) {
    for (const object of cluster.store.list(storageKey(kind)))
      note(storageKey(kind), object as unknown as JsonObject, false);
  }
  const stop = cluster.store.subscribe(({ kind, change }) =>
    note(storageKey(kind), change.object as unknown as JsonObject, change.type === 'DELETED'),
  );
  return { history, stop };
}

export function append(history: History, key: string, form: Form): void {
  const forms = history.get(key);
  if (forms === undefined) history.set(key, [form]);
  else if (forms.at(-1) !== form) forms.push(form);
}

/** The last form of every object that is there. */
export function currentOf(history: History): Map<string, Form> {
  const last = [...history].map(([key, forms]) => [key, forms.at(-1) ?? ''] as const);
  return new Map(last.filter(([, form]) => form !== '').sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const sortedHistory = (history: History): [string, Form[]][] =>
  [...history].sort(([a], [b]) => (a < b ? -1 : 1));
