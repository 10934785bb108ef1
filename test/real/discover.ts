/** What an API server serves, read group by group: without the agent's own code, which is what is judged. */
import { call } from '../contract/kube-client.ts';
import type { ContractCluster, Loose } from '../contract/kube-client.ts';

export type Served = {
  readonly group: string;
  readonly version: string;
  /** Plural; `pods/log` for a subresource. */
  readonly resource: string;
  readonly kind: string;
  readonly verbs: readonly string[];
};

/** Every served resource and subresource in every version. */
export const discover = async (cluster: ContractCluster): Promise<readonly Served[]> => {
  const groups = (await call(cluster, '/apis')).body.groups as Loose[];
  const versions = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...groups.flatMap((group) =>
      (group.versions as Loose[]).map(({ version }) => ({
        group: String(group.name),
        version: String(version),
        path: `/apis/${group.name}/${version}`,
      })),
    ),
  ];
  const lists = await Promise.all(
    versions.map(async ({ group, version, path }) =>
      ((await call(cluster, path)).body.resources as Loose[]).map(({ name, kind, verbs }) => ({
        group,
        version,
        resource: String(name),
        kind: String(kind),
        verbs: verbs as string[],
      })),
    ),
  );
  return lists.flat();
};

export const pathOf = ({ group, version, resource }: Pick<Served, 'group' | 'version' | 'resource'>): string =>
  group === '' ? `/api/${version}/${resource}` : `/apis/${group}/${version}/${resource}`;

export const nameOf = ({ group, resource }: Pick<Served, 'group' | 'resource'>): string =>
  group === '' ? resource : `${resource}.${group}`;

/** Kinds that the agent leaves out by default: heartbeats, and events, which are no configuration. */
const leftOut = /^(events|leases|endpoints|endpointslices)(\.|$)/;

/** Kinds that are listed and watched, each in its best version: stable before beta, newer before older. */
export const watchable = (served: readonly Served[]): readonly Served[] => {
  const best = new Map<string, Served>();
  for (const kind of served) {
    if (!['list', 'watch'].every((verb) => kind.verbs.includes(verb)) || leftOut.test(kind.resource)) continue;
    const other = best.get(nameOf(kind));
    if (other === undefined || rank(kind.version) > rank(other.version)) best.set(nameOf(kind), kind);
  }
  return [...best.values()];
};

const rank = (version: string): number => {
  const [, major = '0', stage = '', minor = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  const stages = ['alpha', 'beta', ''];
  return stages.indexOf(stage) * 10_000 + Number(major) * 100 + Number(minor);
};
