/** What RBAC objects grant: one item for each subject of a binding, with the rules of the role that it refers to. */
import { labelsAt, listAt, objectAt, serviceAccountNamed, stringAt, stringsOf, valueAt } from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';
import { compareText } from '../compare-text.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

export type RbacObject = { readonly cluster: string; readonly resource: string; readonly body: JsonObject };

export type RbacRule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
};

export type Subject = {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
};

export type Granted = {
  readonly cluster: string;
  readonly subject: Subject;
  readonly binding: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly role: { readonly kind: string; readonly name: string };
  /** Where it holds; '': everywhere. */
  readonly namespace: string;
  readonly rules: readonly RbacRule[];
  /** When the binding was created, RFC 3339; '' when it does not say. */
  readonly boundAt: string;
  /** The binding is the API server's own. */
  readonly isBuiltIn: boolean;
};

const kindOfBinding: Readonly<Record<string, string>> = {
  rolebindings: 'RoleBinding',
  clusterrolebindings: 'ClusterRoleBinding',
};

/** In the order of cluster, subject and binding. A binding to a role that is not there, or has no rules, grants nothing. */
export function grantedBy(objects: readonly RbacObject[]): readonly Granted[] {
  const roles = new Map<string, readonly RbacRule[]>();
  for (const { cluster, resource, body } of objects) {
    if (resource !== 'roles' && resource !== 'clusterroles') continue;
    const kind = resource === 'roles' ? 'Role' : 'ClusterRole';
    const { namespace, name } = placeOf(body);
    roles.set(roleKey(cluster, { kind, namespace, name }), listAt(body, 'rules').map(ruleOf));
  }
  const granted = objects.flatMap((object) => ofBinding(object, roles));
  return granted.toSorted((a, b) => compareText(orderOf(a), orderOf(b)));
}

function ofBinding(
  { cluster, resource, body }: RbacObject,
  roles: ReadonlyMap<string, readonly RbacRule[]>,
): readonly Granted[] {
  const kind = kindOfBinding[resource];
  if (kind === undefined) return [];
  const { namespace, name } = placeOf(body);
  const ref = objectAt(body, 'roleRef');
  const role = { kind: stringAt(ref, 'kind'), name: stringAt(ref, 'name') };
  const rules = roles.get(roleKey(cluster, { ...role, namespace: role.kind === 'Role' ? namespace : '' })) ?? [];
  const isBuiltIn = labelsAt(body, 'metadata', 'labels').get('kubernetes.io/bootstrapping') === 'rbac-defaults';
  const binding = { kind, namespace, name };
  const boundAt = stringAt(body, 'metadata', 'creationTimestamp');
  return listAt(body, 'subjects').flatMap((one) => {
    const subject = subjectOf(one, namespace);
    if (subject === undefined || rules.length === 0) return [];
    return [{ cluster, subject, binding, role, namespace, rules, boundAt, isBuiltIn }];
  });
}

/** A user that is a service account by its name counts as one. */
function subjectOf(subject: Json, bindingNamespace: string): Subject | undefined {
  const name = stringAt(subject, 'name');
  switch (stringAt(subject, 'kind')) {
    case 'ServiceAccount':
      return { kind: 'ServiceAccount', namespace: stringAt(subject, 'namespace') || bindingNamespace, name };
    case 'Group':
      return { kind: 'Group', namespace: '', name };
    case 'User':
      return userOf(name);
    default:
      return undefined;
  }
}

function userOf(name: string): Subject {
  const account = serviceAccountNamed(name);
  return account === undefined ? { kind: 'User', namespace: '', name } : { kind: 'ServiceAccount', ...account };
}

/** Whom the audit log names for the subject: a user's name, or a group's. */
export function auditNameOf({ kind, namespace, name }: Subject): string {
  return kind === 'ServiceAccount' ? `system:serviceaccount:${namespace}:${name}` : name;
}

function ruleOf(rule: Json): RbacRule {
  const texts = (field: string): readonly string[] => stringsOf(valueAt(rule, field));
  return {
    verbs: texts('verbs'),
    apiGroups: texts('apiGroups'),
    resources: texts('resources'),
    resourceNames: texts('resourceNames'),
    nonResourceURLs: texts('nonResourceURLs'),
  };
}

function placeOf(body: JsonObject): { readonly namespace: string; readonly name: string } {
  return { namespace: stringAt(body, 'metadata', 'namespace'), name: stringAt(body, 'metadata', 'name') };
}

const roleKey = (
  cluster: string,
  { kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string },
): string => JSON.stringify([cluster, kind, namespace, name]);

function orderOf({ cluster, subject, binding }: Granted): string {
  return [cluster, subject.kind, subject.namespace, subject.name, binding.namespace, binding.kind, binding.name].join(
    '\n',
  );
}
