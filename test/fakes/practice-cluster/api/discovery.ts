import type { Json, JsonObject } from '../object/json.ts';
import { reviewKinds } from '../store/built-in-kinds.ts';
import { apiVersionOf, type Kind, storageVersionHash } from '../store/kind.ts';
import type { KindRegistry } from '../store/kind-registry.ts';
import { type Call, objectReply, type Reply, textReply } from './request.ts';

const subresourceVerbs: { readonly [name: string]: readonly string[] } = {
  status: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  approval: ['get', 'patch', 'update'],
  ephemeralcontainers: ['get', 'patch', 'update'],
  finalize: ['update'],
  binding: ['create'],
  eviction: ['create'],
  token: ['create'],
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
};
const subresourceKinds: { readonly [name: string]: { group: string; version: string; kind: string } } = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  binding: { group: '', version: 'v1', kind: 'Binding' },
};

type GroupVersions = Map<string, Set<string>>;

const groupsOf = (kinds: KindRegistry): GroupVersions => {
  const groups: GroupVersions = new Map([['', new Set(['v1'])]]);
  for (const { group } of reviewKinds) groups.set(group, new Set(['v1']));
  for (const kind of kinds.all()) {
    const versions = groups.get(kind.group) ?? new Set();
    for (const version of kind.versions) versions.add(version);
    groups.set(kind.group, versions);
  }
  return groups;
};

const groupDocument = (group: string, versions: ReadonlySet<string>): JsonObject => {
  const all = [...versions].map((version) => ({ groupVersion: apiVersionOf(group, version), version }));
  return { name: group, versions: all, preferredVersion: all[0] ?? {} };
};

const legacyResources = (kind: Kind): JsonObject[] => [
  {
    name: kind.resource,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: [...kind.verbs],
    ...(kind.shortNames.length === 0 ? {} : { shortNames: [...kind.shortNames] }),
    ...(kind.categories.length === 0 ? {} : { categories: [...kind.categories] }),
    storageVersionHash: storageVersionHash(kind),
  },
  ...kind.subresources.map((name) => ({
    name: `${kind.resource}/${name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...subresourceKinds[name],
    kind: subresourceKinds[name]?.kind ?? kind.kind,
    verbs: [...(subresourceVerbs[name] ?? [])],
  })),
];

const legacyList = (kinds: KindRegistry, group: string, version: string): JsonObject => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: apiVersionOf(group, version),
  resources: [
    ...kinds
      .all()
      .filter((kind) => kind.group === group && kind.versions.includes(version))
      .flatMap(legacyResources),
    ...reviewKinds
      .filter((kind) => kind.group === group)
      .map((kind) => ({
        name: kind.resource,
        singularName: kind.kind.toLowerCase(),
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: ['create'],
      })),
  ],
});

const aggregatedResource = (kind: Kind, version: string): JsonObject => ({
  resource: kind.resource,
  responseKind: { group: kind.group, version: kind.custom === undefined ? '' : version, kind: kind.kind },
  scope: kind.namespaced ? 'Namespaced' : 'Cluster',
  singularResource: kind.singular,
  verbs: [...kind.verbs],
  ...(kind.shortNames.length === 0 ? {} : { shortNames: [...kind.shortNames] }),
  ...(kind.categories.length === 0 ? {} : { categories: [...kind.categories] }),
  ...(kind.subresources.length === 0
    ? {}
    : {
        subresources: kind.subresources.map((name) => ({
          subresource: name,
          responseKind: subresourceKinds[name] ?? { group: kind.group, version: '', kind: kind.kind },
          verbs: [...(subresourceVerbs[name] ?? [])],
        })),
      }),
});

const aggregatedGroup = (kinds: KindRegistry, group: string, versions: ReadonlySet<string>): JsonObject => ({
  metadata: group === '' ? {} : { name: group },
  versions: [...versions].map((version) => ({
    version,
    freshness: 'Current',
    resources: [
      ...kinds
        .all()
        .filter((kind) => kind.group === group && kind.versions.includes(version))
        .map((kind) => aggregatedResource(kind, version)),
      ...reviewKinds
        .filter((kind) => kind.group === group)
        .map((kind) => ({
          resource: kind.resource,
          responseKind: { group, version: '', kind: kind.kind },
          scope: kind.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: kind.kind.toLowerCase(),
          verbs: ['create'],
        })),
    ],
  })),
});

const aggregatedType = (accept: string): string | undefined => {
  const clause = accept.split(',').find((part) => part.includes('as=APIGroupDiscoveryList'));
  const version = /v=(v2(?:beta1)?)/.exec(clause ?? '')?.[1];
  return version === 'v2' ? version : undefined;
};

/** Discovery: `/api`, `/apis` and below, legacy or aggregated by the Accept header; undefined for any other path. */
export const serveDiscovery = (call: Call, kinds: KindRegistry): Reply | undefined => {
  const parts = call.attributes.path.split('/').filter((part) => part !== '');
  const [root, group = '', version] = parts;
  if ((root !== 'api' && root !== 'apis') || call.attributes.verb !== 'get') return undefined;
  const groups = groupsOf(kinds);
  if (parts.length === 1) {
    const isAggregated = aggregatedType(call.request.headers['accept'] ?? '') !== undefined;
    return isAggregated ? aggregated(kinds, groups, root === 'api') : legacyRoot(groups, root === 'api');
  }
  const name = root === 'api' ? '' : group;
  const wanted = root === 'api' ? group : version;
  const versions = groups.get(name);
  if (versions === undefined || parts.length > (root === 'api' ? 2 : 3)) return textReply('404 page not found\n', 404);
  if (wanted === undefined)
    return objectReply({ kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(name, versions) });
  return versions.has(wanted) ? objectReply(legacyList(kinds, name, wanted)) : textReply('404 page not found\n', 404);
};

const legacyRoot = (groups: GroupVersions, isCore: boolean): Reply => {
  if (isCore) return objectReply({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
  const named = [...groups].filter(([group]) => group !== '');
  return objectReply({
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: named.map(([group, versions]) => groupDocument(group, versions)),
  });
};

const aggregated = (kinds: KindRegistry, groups: GroupVersions, isCore: boolean): Reply => {
  const items: Json[] = [...groups]
    .filter(([group]) => (group === '') === isCore)
    .map(([group, versions]) => aggregatedGroup(kinds, group, versions));
  return {
    type: 'text',
    status: 200,
    contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    text: JSON.stringify({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }),
    headers: { vary: 'Accept' },
  };
};
