import {
  type Json,
  type JsonObject,
  isJsonArray,
  isJsonObject,
  ownObject,
  ownString,
  ownValue,
} from '@driftline/proto';
import { type ApiKind, groupVersionPath } from '../kube/api-kind.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';

export type ServedKind = ApiKind & {
  readonly verbs: readonly string[];
  /** Equal for the same storage; '' where the server does not say. */
  readonly storageHash: string;
};

export type GroupVersion = { readonly group: string; readonly version: string };

/** `failures` are group versions that are served but could not be looked into: what they hold is unknown, not gone. */
export type Discovered = {
  readonly kinds: readonly ServedKind[];
  readonly failures: readonly (GroupVersion & { readonly reason: string })[];
};

const aggregatedAccept = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .concat('application/json')
  .join(',');

/**
 * What the API server serves. Two requests where discovery is aggregated, one for each group version elsewhere. Throws
 * KubeError when not even the list of groups can be had.
 */
export async function discover(kube: KubeClient, signal: AbortSignal): Promise<Discovered> {
  const [core, groups] = await Promise.all(
    ['/api', '/apis'].map((path) => kube.getJson(path, { signal, accept: aggregatedAccept })),
  );
  const parts = await Promise.all([
    readRoot(kube, signal, core as Json | undefined),
    readRoot(kube, signal, groups as Json | undefined),
  ]);
  const found = {
    kinds: parts.flatMap((part) => part.kinds),
    failures: parts.flatMap((part) => part.failures),
  };
  return await withStorageHashes(kube, signal, found);
}

async function readRoot(kube: KubeClient, signal: AbortSignal, root: Json | undefined): Promise<Discovered> {
  if (!isJsonObject(root)) throw new KubeError('malformed', 'discovery is not a JSON object');
  if (ownString(root, 'kind') === 'APIGroupDiscoveryList') return readAggregated(root);
  return await readEach(kube, signal, listedGroupVersions(root));
}

function readAggregated(list: JsonObject): Discovered {
  const kinds: ServedKind[] = [];
  const failures: Discovered['failures'][number][] = [];
  for (const item of objects(list, 'items')) {
    const group = ownString(ownObject(item, 'metadata'), 'name');
    for (const version of objects(item, 'versions')) {
      const name = ownString(version, 'version');
      if (ownString(version, 'freshness') === 'Stale') {
        failures.push({
          group,
          version: name,
          reason: 'the API server cannot reach this group: its discovery is stale',
        });
      }
      for (const resource of objects(version, 'resources')) {
        kinds.push({
          group,
          version: name,
          resource: ownString(resource, 'resource'),
          kind: ownString(ownObject(resource, 'responseKind'), 'kind'),
          verbs: strings(resource, 'verbs'),
          storageHash: '',
        });
      }
    }
  }
  return { kinds, failures };
}

/** From APIVersions (`/api`) or an APIGroupList (`/apis`). */
function listedGroupVersions(root: JsonObject): readonly GroupVersion[] {
  const core = strings(root, 'versions').map((version) => ({ group: '', version }));
  const others = objects(root, 'groups').flatMap((group) =>
    objects(group, 'versions').map((version) => ({
      group: ownString(group, 'name'),
      version: ownString(version, 'version'),
    })),
  );
  return [...core, ...others];
}

async function readEach(kube: KubeClient, signal: AbortSignal, list: readonly GroupVersion[]): Promise<Discovered> {
  const kinds: ServedKind[] = [];
  const failures: Discovered['failures'][number][] = [];
  for (const groupVersion of list) {
    try {
      kinds.push(...(await readGroupVersion(kube, signal, groupVersion)));
    } catch (thrown) {
      const error = KubeError.from(thrown, groupVersionPath(groupVersion));
      if (error.code === 'aborted') throw error;
      failures.push({ ...groupVersion, reason: error.message });
    }
  }
  return { kinds, failures };
}

async function readGroupVersion(
  kube: KubeClient,
  signal: AbortSignal,
  groupVersion: GroupVersion,
): Promise<readonly ServedKind[]> {
  const list = (await kube.getJson(groupVersionPath(groupVersion), { signal })) as Json;
  if (!isJsonObject(list)) throw new KubeError('malformed', 'a resource list is not a JSON object');
  return objects(list, 'resources')
    .filter((resource) => !ownString(resource, 'name').includes('/'))
    .map((resource) => ({
      group: ownString(resource, 'group') || groupVersion.group,
      version: ownString(resource, 'version') || groupVersion.version,
      resource: ownString(resource, 'name'),
      kind: ownString(resource, 'kind'),
      verbs: strings(resource, 'verbs'),
      storageHash: ownString(resource, 'storageVersionHash'),
    }));
}

/**
 * Aggregated discovery does not carry storageVersionHash. It is fetched only for group versions that serve a resource
 * which another group serves under the same name: only there it decides anything.
 */
async function withStorageHashes(kube: KubeClient, signal: AbortSignal, found: Discovered): Promise<Discovered> {
  const groupsOf = new Map<string, Set<string>>();
  for (const { resource, kind, group } of found.kinds) {
    const key = `${resource}/${kind}`;
    groupsOf.set(key, (groupsOf.get(key) ?? new Set()).add(group));
  }
  const asked = new Map<string, GroupVersion>();
  for (const { resource, kind, group, version, storageHash } of found.kinds) {
    const isShared = (groupsOf.get(`${resource}/${kind}`)?.size ?? 0) > 1;
    if (isShared && storageHash === '') asked.set(`${group}/${version}`, { group, version });
  }
  if (asked.size === 0) return found;
  const detailed = await readEach(kube, signal, [...asked.values()]);
  const hashes = new Map(detailed.kinds.map((kind) => [placeOf(kind), kind.storageHash]));
  const kinds = found.kinds.map((kind) => ({ ...kind, storageHash: hashes.get(placeOf(kind)) ?? kind.storageHash }));
  return { kinds, failures: found.failures };
}

function placeOf({ group, version, resource }: ApiKind): string {
  return `${group}/${version}/${resource}`;
}

function objects(object: JsonObject, key: string): readonly JsonObject[] {
  const value = ownValue(object, key);
  return isJsonArray(value) ? value.filter((item) => isJsonObject(item)) : [];
}

function strings(object: JsonObject, key: string): readonly string[] {
  const value = ownValue(object, key);
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
