/** The service account a pod runs as, and whether the pod carries its token. */
import { type Fact, listAt, type ReadPath, stringAt, type TrackedView, valueAt } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';

/** What the functions below read of a pod. */
export const podAccountReads: readonly ReadPath[] = [
  ['podSpec', 'serviceAccountName'],
  ['podSpec', 'serviceAccount'],
  ['podSpec', 'automountServiceAccountToken'],
  ['podSpec', 'volumes'],
];

const accountMounts: Fact<boolean> = {
  name: 'service-account-mounts-token',
  group: '',
  kind: 'ServiceAccount',
  reads: [['automountServiceAccountToken']],
  project: (account) => valueAt(account, 'automountServiceAccountToken') !== false,
};

export function accountNameOf(spec: JsonObject): string {
  return stringAt(spec, 'serviceAccountName') || stringAt(spec, 'serviceAccount') || 'default';
}

/** By what the pod says, else by what its account says, else it is. */
export function isTokenMounted(spec: JsonObject, namespace: string, view: TrackedView): boolean {
  const own = valueAt(spec, 'automountServiceAccountToken');
  if (typeof own === 'boolean') return own;
  const name = accountNameOf(spec);
  return view.fact(accountMounts, { group: '', kind: 'ServiceAccount', namespace, name }) ?? true;
}

/** Mounted, or projected by a volume for the API server's own audience. */
export function carriesToken(spec: JsonObject, namespace: string, view: TrackedView): boolean {
  const sources = listAt(spec, 'volumes').flatMap((volume) => listAt(volume, 'projected', 'sources'));
  const tokens = sources
    .map((source) => valueAt(source, 'serviceAccountToken'))
    .filter((token) => token !== undefined && token !== null);
  return tokens.some((token) => stringAt(token, 'audience') === '') || isTokenMounted(spec, namespace, view);
}
