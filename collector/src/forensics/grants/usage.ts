/** Which of a grant was used, by what the audit log saw, and of which of it the log cannot tell. */
import { auditNameOf, type Granted, type RbacRule, type Subject } from './granted.ts';

/** Requests that were allowed, of one user to one resource. */
export type Use = {
  readonly cluster: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** Of the object, where a rule names objects; else ''. */
  readonly name: string;
  readonly count: number;
  /** Microseconds since the epoch. */
  readonly lastUs: number;
};

/** What the audit log of one cluster shows at all. */
export type Sight = {
  readonly sawWrites: boolean;
  /** Resources of which somebody's reads were in the log, as `resourceText` names them. */
  readonly reads: ReadonlySet<string>;
  /** Resources that changed without an event: their writes are left out. */
  readonly silent: ReadonlySet<string>;
};

export type Unit = { readonly resource: string; readonly verb: string };

export type Usage = {
  /** Requests by unit, the latest first. */
  readonly uses: readonly (Unit & { readonly count: number; readonly lastUs: number })[];
  readonly used: readonly Unit[];
  readonly unused: readonly Unit[];
  /** Nobody can say: the log does not show such requests. */
  readonly notObservable: readonly Unit[];
};

const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const writeVerbs: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
/** What `*` stands for. */
const standardVerbs: readonly string[] = [...readVerbs, ...writeVerbs];

/** Tells all URLs from all resources. */
const anyUrl = '/*';

/** As kubectl writes it: `pods`, `pods/exec`, `deployments.apps/scale`, `*`. */
export function resourceText(group: string, resource: string): string {
  if (group === '' || (group === '*' && resource === '*')) return resource;
  const [name, ...subresource] = resource.split('/');
  return [`${name ?? ''}.${group}`, ...subresource].join('/');
}

export class UsesBySubject {
  readonly #byUser: ReadonlyMap<string, readonly Use[]>;
  readonly #byGroup = new Map<string, Use[]>();

  constructor(uses: readonly Use[]) {
    this.#byUser = Map.groupBy(uses, ({ cluster, user }) => JSON.stringify([cluster, user]));
    for (const use of uses) {
      for (const group of use.groups) {
        const key = JSON.stringify([use.cluster, group]);
        const known = this.#byGroup.get(key);
        if (known === undefined) this.#byGroup.set(key, [use]);
        else known.push(use);
      }
    }
  }

  of(cluster: string, subject: Subject): readonly Use[] {
    const key = JSON.stringify([cluster, auditNameOf(subject)]);
    return (subject.kind === 'Group' ? this.#byGroup : this.#byUser).get(key) ?? [];
  }
}

/** Each verb on each resource, by itself. A use counts for every grant that allows it: what is unused was not needed. */
export function usageOf({ cluster, subject, namespace, rules }: Granted, all: UsesBySubject, sight: Sight): Usage {
  const inPlace = all.of(cluster, subject).filter((use) => namespace === '' || use.namespace === namespace);
  const allowed = new Set<Use>();
  const units = new Map<string, Unit & { isUsed: boolean }>();
  for (const rule of rules) {
    const own = inPlace.filter((use) => allows(rule, use));
    for (const use of own) allowed.add(use);
    for (const unit of unitsOf(rule)) {
      const isUsed = own.some((use) => allows({ ...rule, ...unit }, use));
      const [verb = ''] = unit.verbs;
      const resource = resourceText(unit.apiGroups[0] ?? '', unit.resources[0] ?? '');
      const key = `${verb} ${resource}`;
      const known = units.get(key);
      if (known === undefined) units.set(key, { resource, verb, isUsed });
      else known.isUsed ||= isUsed;
    }
    // The timeline keeps no URLs of requests that are about no resource.
    for (const url of rule.nonResourceURLs) {
      const resource = url === '*' ? anyUrl : url;
      for (const verb of rule.verbs) units.set(`${verb} ${resource}`, { resource, verb, isUsed: false });
    }
  }
  const used: Unit[] = [];
  const unused: Unit[] = [];
  const notObservable: Unit[] = [];
  for (const { resource, verb, isUsed } of units.values())
    (isUsed ? used : isObservable(verb, resource, sight) ? unused : notObservable).push({ resource, verb });
  return { uses: summed([...allowed]), used, unused, notObservable };
}

type UnitRule = Pick<RbacRule, 'verbs' | 'apiGroups' | 'resources'>;

function unitsOf({ verbs, apiGroups, resources }: RbacRule): readonly UnitRule[] {
  const each = [...new Set(verbs.flatMap((verb) => (verb === '*' ? standardVerbs : [verb])))];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => each.map((verb) => ({ verbs: [verb], apiGroups: [group], resources: [resource] }))),
  );
}

/** As the API server's RBAC authorizer matches a request. */
function allows({ verbs, apiGroups, resources, resourceNames }: RbacRule, use: Use): boolean {
  const full = use.subresource === '' ? use.resource : `${use.resource}/${use.subresource}`;
  const hasResource = resources.some(
    (one) => one === '*' || one === full || (use.subresource !== '' && one === `*/${use.subresource}`),
  );
  return (
    hasResource &&
    (verbs.includes('*') || verbs.includes(use.verb)) &&
    (apiGroups.includes('*') || apiGroups.includes(use.group)) &&
    (resourceNames.length === 0 || resourceNames.includes(use.name))
  );
}

function isObservable(verb: string, resource: string, { sawWrites, reads, silent }: Sight): boolean {
  if (resource.startsWith('/')) return false;
  if (readVerbs.has(verb)) return reads.has(resource);
  // Verbs that no request has (bind, escalate, use, approve) are checked within another request.
  if (!writeVerbs.has(verb) && verb !== 'impersonate') return false;
  return sawWrites && !silent.has(resource);
}

function summed(uses: readonly Use[]): Usage['uses'] {
  const byUnit = Map.groupBy(uses, ({ verb, group, resource, subresource }) =>
    JSON.stringify([verb, resourceText(group, subresource === '' ? resource : `${resource}/${subresource}`)]),
  );
  return [...byUnit]
    .map(([key, same]) => {
      const [verb = '', resource = ''] = JSON.parse(key) as readonly string[];
      const count = same.reduce((sum, use) => sum + use.count, 0);
      return { resource, verb, count, lastUs: Math.max(...same.map(({ lastUs }) => lastUs)) };
    })
    .toSorted((a, b) => b.lastUs - a.lastUs);
}
