/** Who holds which powers: bindings found by their subjects, roles with what they aggregate. */
import {
  type Fact,
  type FactOf,
  type LabelSelector,
  labelsAt,
  listAt,
  matchesSelector,
  objectAt,
  stringAt,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { labelSelectorOf } from './label-selector.ts';
import { type Grant, grantsOf } from './rbac-powers.ts';

const group = 'rbac.authorization.k8s.io';

export type RoleRef = { readonly kind: string; readonly name: string };

type BoundRole = { readonly role: RoleRef; readonly subjects: readonly string[] };

export type Account = { readonly namespace: string; readonly name: string };

export const accountKey = ({ namespace, name }: Account): string => JSON.stringify(['account', namespace, name]);
export const groupKey = (name: string): string => JSON.stringify(['group', name]);
const accountsInKey = (namespace: string): string => JSON.stringify(['accounts in', namespace]);
const accountsNamedKey = (name: string): string => JSON.stringify(['accounts named', name]);

export function accountOf(subject: Json): Account | undefined {
  const name = stringAt(subject, 'name');
  if (stringAt(subject, 'kind') === 'ServiceAccount') return { namespace: stringAt(subject, 'namespace'), name };
  const [, namespace = '', account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  return stringAt(subject, 'kind') === 'User' && account !== '' ? { namespace, name: account } : undefined;
}

function subjectKeys(subject: Json): readonly string[] {
  const account = accountOf(subject);
  if (account !== undefined)
    return [accountKey(account), accountsInKey(account.namespace), accountsNamedKey(account.name)];
  return stringAt(subject, 'kind') === 'Group' ? [groupKey(stringAt(subject, 'name'))] : [];
}

const bindingsOf = (kind: string): Fact<BoundRole> => ({
  name: `${kind}-of-subjects`,
  group,
  kind,
  reads: [['roleRef'], ['subjects']],
  project: (binding) => ({
    role: roleRefOf(binding),
    subjects: listAt(binding, 'subjects').flatMap(subjectKeys).sort(),
  }),
  keys: ({ subjects }) => subjects,
});

export const clusterRoleBindings: Fact<BoundRole> = bindingsOf('ClusterRoleBinding');
export const roleBindings: Fact<BoundRole> = bindingsOf('RoleBinding');

export function roleRefOf(binding: JsonObject): RoleRef {
  const role = objectAt(binding, 'roleRef');
  return { kind: stringAt(role, 'kind'), name: stringAt(role, 'name') };
}

type ClusterRoleRights = {
  readonly grants: readonly Grant[];
  readonly labels: Readonly<Record<string, string>>;
  /** Selectors of the roles whose rules are added to it. */
  readonly aggregates: readonly LabelSelector[];
};

const clusterRoleRights: Fact<ClusterRoleRights> = {
  name: 'cluster-role-rights',
  group,
  kind: 'ClusterRole',
  reads: [['rules'], ['aggregationRule'], ['metadata', 'labels']],
  project(role) {
    const grants = grantsOf(role);
    const aggregates = selectorsOf(role);
    if (grants.length === 0 && aggregates.length === 0) return undefined;
    return { grants, aggregates, labels: Object.fromEntries(labelsAt(role, 'metadata', 'labels')) };
  },
  keys: ({ labels }) => Object.entries(labels).map(([name, value]) => labelKey(name, value)),
};

const roleRights: Fact<readonly Grant[]> = {
  name: 'role-rights',
  group,
  kind: 'Role',
  reads: [['rules']],
  project(role) {
    const grants = grantsOf(role);
    return grants.length === 0 ? undefined : grants;
  },
};

const labelKey = (name: string, value: string): string => JSON.stringify([name, value]);

export function selectorsOf(role: JsonObject): readonly LabelSelector[] {
  return listAt(valueAt(role, 'aggregationRule'), 'clusterRoleSelectors').map(labelSelectorOf);
}

/** ClusterRoles with powers that the selector adds to an aggregated one. */
export function aggregatedBy(selector: LabelSelector, view: TrackedView): readonly FactOf<ClusterRoleRights>[] {
  const [first] = Object.entries(selector.matchLabels ?? {});
  const found =
    first === undefined ? view.facts(clusterRoleRights) : view.lookup(clusterRoleRights, labelKey(...first));
  return found.filter(({ value }) => matchesSelector(selector, value.labels));
}

/** What a role grants, and what is aggregated into it: one step, as the API server's controller does. */
export function grantsOfRole({ kind, name }: RoleRef, namespace: string, view: TrackedView): readonly Grant[] {
  if (kind === 'Role') return view.fact(roleRights, { group, kind, namespace, name }) ?? [];
  if (kind !== 'ClusterRole') return [];
  const rights = view.fact(clusterRoleRights, { group, kind, namespace: '', name });
  const added = (rights?.aggregates ?? []).flatMap((selector) => aggregatedBy(selector, view));
  return [...(rights?.grants ?? []), ...added.flatMap(({ value }) => value.grants)];
}

/** namespace '': everywhere. */
export type Held = { readonly namespace: string; readonly by: string; readonly grants: readonly Grant[] };

/**
 * Of the account and of the service accounts of its namespace. What everybody who has a login may do is a finding of the
 * binding that says so (DL-RBAC-015): repeated here it would be one of every workload, judged again at each such change.
 */
export function bindingsOfAccount(account: Account, view: TrackedView): readonly FactOf<BoundRole>[] {
  const keys = [accountKey(account), groupKey(`system:serviceaccounts:${account.namespace}`)];
  return keys.flatMap((key) => [...view.lookup(clusterRoleBindings, key), ...view.lookup(roleBindings, key)]);
}

export function heldBy(account: Account, view: TrackedView): readonly Held[] {
  return bindingsOfAccount(account, view).map(({ key, value: { role } }) => ({
    namespace: key.namespace,
    by: `${key.kind} ${key.namespace === '' ? '' : `${key.namespace}/`}${key.name} to ${role.kind} ${role.name}`,
    grants: grantsOfRole(role, key.namespace, view),
  }));
}

/** Service accounts that any binding names, in the order of their names. namespace '': everywhere. */
export function boundAccounts(namespace: string, names: readonly string[], view: TrackedView): readonly Account[] {
  const keys = namespace === '' ? names.map(accountsNamedKey) : [accountsInKey(namespace)];
  const bindings = keys.flatMap((key) => [...view.lookup(clusterRoleBindings, key), ...view.lookup(roleBindings, key)]);
  const accounts = new Set(
    bindings.flatMap(({ value }) => value.subjects).filter((key) => key.startsWith('["account"')),
  );
  return [...accounts]
    .sort()
    .map((key) => JSON.parse(key) as readonly [string, string, string])
    .map(([, inNamespace, name]) => ({ namespace: inNamespace, name }))
    .filter(
      (one) => (namespace === '' || one.namespace === namespace) && (names.length === 0 || names.includes(one.name)),
    );
}
