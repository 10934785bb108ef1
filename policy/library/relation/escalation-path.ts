/**
 * Whether whoever breaks into a workload can come to the rights of cluster-admin: a search over the service accounts
 * that each account can become, from the workload's own. The finding tells the shortest way, step by step.
 * Privileged pods and what runs on nodes are other controls' business: this follows rights only.
 */
import type { RelationControl, TrackedView } from '@driftline/policy';
import { accountNameOf, carriesToken, podAccountReads } from './pod-account.ts';
import type { Grant, Power } from './rbac-powers.ts';
import { type Account, boundAccounts, type Held, heldBy } from './rbac-rights.ts';

/** Powers that, held together, open a way. */
type Way = { readonly needs: readonly Power[]; readonly how: string };

/** Held everywhere, they are as good as cluster-admin. */
const waysToEverything: readonly Way[] = [
  { needs: ['everything'], how: 'may do everything' },
  { needs: ['escalate ClusterRoles', 'change ClusterRoles'], how: 'may write any right into its own ClusterRole' },
  { needs: ['bind ClusterRoles', 'write ClusterRoleBindings'], how: 'may bind itself to cluster-admin' },
  { needs: ['impersonate users'], how: 'may act as any user' },
  { needs: ['impersonate service accounts', 'impersonate groups'], how: 'may act as a member of any group' },
  { needs: ['change mutating webhooks'], how: 'may rewrite what others send to the API server' },
  {
    needs: ['request certificates', 'approve certificates', 'approve for signers'],
    how: 'may issue itself certificates of other users',
  },
  { needs: ['reach kubelets'], how: 'may run commands in every pod through the kubelets' },
];

/** Held in a namespace, they give the service accounts of that namespace. */
const waysToAccounts: readonly Way[] = [
  { needs: ['create tokens'], how: 'may create tokens of service accounts' },
  { needs: ['impersonate service accounts'], how: 'may act as service accounts' },
  { needs: ['run pods'], how: 'may run pods as service accounts' },
  { needs: ['enter pods'], how: 'may run commands in pods' },
  { needs: ['create Secrets', 'read Secrets'], how: 'may create token Secrets and read them' },
  { needs: ['bind ClusterRoles', 'write RoleBindings'], how: 'may bind itself to admin' },
  { needs: ['escalate Roles', 'change Roles'], how: 'may write any right into its own Role' },
];

/** Its controllers hold rights that are as good as cluster-admin. */
const systemNamespace = 'kube-system';
const maxAccounts = 1_000;

type Reached = { readonly account: Account; readonly steps: readonly string[] };
type Holding = { readonly grant: Grant; readonly by: string };

export const escalationPath: RelationControl = {
  name: 'escalation-path',
  reads: podAccountReads,
  evaluate({ key, view, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    const account = { namespace: key.namespace, name: accountNameOf(pod.spec) };
    if (!carriesToken(pod.spec, key.namespace, view)) return { verdict: 'pass' };
    const search = searchFrom(account, view);
    if (search === 'too many')
      return { verdict: 'unjudged', reason: `more than ${maxAccounts} service accounts are in reach` };
    if (search === undefined) return { verdict: 'pass' };
    const path = `${pod.specPath}.serviceAccountName`;
    return { verdict: 'fail', violations: [{ path, value: account.name, reason: search.join(' → ') }] };
  },
};

function searchFrom(start: Account, view: TrackedView): readonly string[] | 'too many' | undefined {
  const queue: Reached[] = [{ account: start, steps: [] }];
  const known = new Set([nameOf(start)]);
  const opened = new Set<string>();
  for (const { account, steps } of queue) {
    const held = heldBy(account, view);
    const end = endOf(held);
    const told = (how: string): readonly string[] => [...steps, `${nameOf(account)} ${how}`];
    if (end !== undefined) return [...told(end), 'cluster-admin'];
    for (const { account: next, how } of nextOf(held, opened, view)) {
      if (known.has(nameOf(next))) continue;
      if (known.size >= maxAccounts) return 'too many';
      known.add(nameOf(next));
      queue.push({ account: next, steps: told(how) });
    }
  }
  return undefined;
}

const nameOf = ({ namespace, name }: Account): string => `ServiceAccount ${namespace}/${name}`;

function endOf(held: readonly Held[]): string | undefined {
  const everywhere = holdings(held, ['']);
  const unlimited = everywhere.filter(isUnlimited);
  for (const way of waysToEverything) {
    const by = takes(way, unlimited);
    if (by !== undefined) return `${way.how} (${by})`;
  }
  const inSystem = holdings(held, ['', systemNamespace]).filter(isUnlimited);
  for (const way of waysToAccounts) {
    const by = takes(way, inSystem);
    if (by !== undefined) return `${way.how} in ${systemNamespace} (${by})`;
  }
  return undefined;
}

/** `opened` are the accounts, by namespace and names, that an earlier step led to: they are known already. */
function nextOf(
  held: readonly Held[],
  opened: Set<string>,
  view: TrackedView,
): readonly { account: Account; how: string }[] {
  const namespaces = [...new Set(held.map(({ namespace }) => namespace))].sort();
  return namespaces.flatMap((namespace) => {
    const here = holdings(held, ['', namespace]);
    const where = namespace === '' ? '' : ` in ${namespace}`;
    return waysToAccounts.flatMap((way) => {
      const by = takes(way, here.filter(isUnlimited));
      const whole = by === undefined || namespace === '' ? [] : [{ names: [] as readonly string[], by }];
      // Of the ways that take one power, those limited to named accounts lead to these.
      const limited = way.needs.some((power) => powersOnAccounts.has(power))
        ? here.filter((one) => one.grant.power === way.needs[0] && !isUnlimited(one))
        : [];
      const all = [...whole, ...limited.map(({ grant, by }) => ({ names: grant.names, by }))];
      return all.flatMap(({ names, by }) => {
        const target = JSON.stringify([namespace, names]);
        if (opened.has(target)) return [];
        opened.add(target);
        return boundAccounts(namespace, names, view).map((account) => ({ account, how: `${way.how}${where} (${by})` }));
      });
    });
  });
}

/** Their resource is the service account itself, so that names in a rule are names of accounts. */
const powersOnAccounts: ReadonlySet<Power> = new Set(['create tokens', 'impersonate service accounts']);

function holdings(held: readonly Held[], namespaces: readonly string[]): readonly Holding[] {
  const here = held.filter(({ namespace }) => namespaces.includes(namespace));
  return here.flatMap(({ grants, by }) => grants.map((grant) => ({ grant, by })));
}

/** cluster-admin by name is all that somebody who may bind one role needs. */
function isUnlimited({ grant: { power, names } }: Holding): boolean {
  return names.length === 0 || (power === 'bind ClusterRoles' && names.includes('cluster-admin'));
}

function takes({ needs }: Way, holdings: readonly Holding[]): string | undefined {
  const by = needs.map((power) => holdings.find(({ grant }) => grant.power === power)?.by);
  return by.includes(undefined) ? undefined : [...new Set(by)].join(', ');
}
