import { type ApiKind, kindName } from '../kube/api-kind.ts';
import type { ServedKind } from './discovery.ts';

export type Selection = {
  readonly watched: readonly ApiKind[];
  readonly excluded: readonly (ApiKind & { readonly reason: string })[];
};

type Choice = { readonly include: readonly string[]; readonly exclude: readonly string[] };

/**
 * Which of the served kinds are watched: everything that can be listed and watched, once for each storage. Of the
 * versions of a kind the most stable and then the newest is read, of the groups that serve one storage the one with
 * the most stable version. Pure, and the same for the same input in any order.
 */
export function selectKinds(served: readonly ServedKind[], choice: Choice): Selection {
  const isIncluded = matcher(choice.include);
  const isExcluded = matcher(choice.exclude);
  const excluded: Selection['excluded'][number][] = [];
  const candidates: ServedKind[] = [];
  for (const kind of bestVersions(served.filter((kind) => kind.verbs.includes('list')))) {
    const reason = !kind.verbs.includes('watch')
      ? 'the API server offers no watch'
      : !isIncluded(kindName(kind)) || isExcluded(kindName(kind))
        ? 'by configuration'
        : undefined;
    if (reason === undefined) candidates.push(kind);
    else excluded.push({ ...toApiKind(kind), reason });
  }
  const byStorage = new Map<string, ServedKind>();
  for (const kind of candidates) {
    const storage = kind.storageHash === '' ? kindName(kind) : `${kind.resource} ${kind.storageHash}`;
    const other = byStorage.get(storage);
    if (other === undefined) byStorage.set(storage, kind);
    else {
      const [chosen, left] = isPreferred(kind, other) ? [kind, other] : [other, kind];
      byStorage.set(storage, chosen);
      excluded.push({ ...toApiKind(left), reason: `the same objects are watched as ${kindName(chosen)}` });
    }
  }
  return { watched: [...byStorage.values()].map(toApiKind), excluded };
}

function bestVersions(served: readonly ServedKind[]): readonly ServedKind[] {
  const best = new Map<string, ServedKind>();
  for (const kind of served) {
    const other = best.get(kindName(kind));
    if (other === undefined || isBetterVersion(kind, other)) best.set(kindName(kind), kind);
  }
  return [...best.values()].sort((a, b) => (kindName(a) < kindName(b) ? -1 : 1));
}

/** A version without watch is of no use where another has it. */
function isBetterVersion(a: ServedKind, b: ServedKind): boolean {
  const watchable = Number(a.verbs.includes('watch')) - Number(b.verbs.includes('watch'));
  return (watchable || compareVersions(a.version, b.version)) > 0;
}

function isPreferred(a: ServedKind, b: ServedKind): boolean {
  const order = stability(a.version) - stability(b.version);
  // A group of its own came after the kind's first home, and is where its newer fields are.
  return order === 0 ? a.group.length > b.group.length : order > 0;
}

const versionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Above 0 when `a` comes before `b` in Kubernetes' order of versions: stable, beta, alpha, others; newer first. */
export function compareVersions(a: string, b: string): number {
  const order = stability(a) - stability(b);
  if (order !== 0) return order;
  const [, majorA = '0', , minorA = '0'] = versionPattern.exec(a) ?? [];
  const [, majorB = '0', , minorB = '0'] = versionPattern.exec(b) ?? [];
  const numbers = Number(majorA) - Number(majorB) || Number(minorA) - Number(minorB);
  return numbers === 0 ? (a < b ? 1 : a > b ? -1 : 0) : numbers;
}

function stability(version: string): number {
  const match = versionPattern.exec(version);
  if (match === null) return 0;
  return match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const text = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
    return new RegExp(`^${text.join('.*')}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}

function toApiKind({ group, version, resource, kind }: ApiKind): ApiKind {
  return { group, version, resource, kind };
}
