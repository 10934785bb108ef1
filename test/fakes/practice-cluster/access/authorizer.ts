import { arrayAt, type JsonObject, objectAt, objectsAt, stringAt, textOf } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import type { Store } from '../store/store.ts';
import type { Attributes, Caller } from './caller.ts';

export type Decision = { readonly allowed: boolean; readonly reason: string };

type Grant = { readonly rules: readonly JsonObject[]; readonly reason: () => string };

/** Role-based access control on the Roles and bindings that are stored now. */
export class Authorizer {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  authorize(caller: Caller, request: Attributes): Decision {
    if (caller.groups.includes('system:masters')) return { allowed: true, reason: '' };
    for (const grant of this.#grants(caller, request.namespace)) {
      if (grant.rules.some((rule) => allows(rule, request))) return { allowed: true, reason: grant.reason() };
    }
    return { allowed: false, reason: '' };
  }

  /** Every rule that holds for the caller in a namespace. */
  rules(caller: Caller, namespace: string): JsonObject[] {
    return [...this.#grants(caller, namespace)].flatMap((grant) => grant.rules);
  }

  *#grants(caller: Caller, namespace: string): Generator<Grant> {
    for (const binding of this.#store.list('clusterrolebindings.rbac.authorization.k8s.io')) {
      yield* this.#grantsOf(binding, caller, '');
    }
    if (namespace === '') return;
    for (const binding of this.#store.list('rolebindings.rbac.authorization.k8s.io', namespace)) {
      yield* this.#grantsOf(binding, caller, namespace);
    }
  }

  *#grantsOf(binding: KubeObject, caller: Caller, namespace: string): Generator<Grant> {
    const subject = objectsAt(binding, 'subjects').find((candidate) => isSubject(candidate, caller, namespace));
    if (subject === undefined) return;
    const reference = objectAt(binding, 'roleRef');
    const name = stringAt(reference, 'name');
    const role =
      stringAt(reference, 'kind') === 'ClusterRole'
        ? this.#store.get('clusterroles.rbac.authorization.k8s.io', '', name)
        : this.#store.get('roles.rbac.authorization.k8s.io', namespace, name);
    if (role === undefined) return;
    yield { rules: objectsAt(role, 'rules'), reason: () => reasonOf(binding, reference, subject) };
  }
}

const reasonOf = (binding: KubeObject, role: JsonObject, subject: JsonObject): string => {
  const namespace = binding.metadata.namespace;
  const where = namespace === undefined ? binding.metadata.name : `${binding.metadata.name}/${namespace}`;
  const kind = stringAt(subject, 'kind');
  const name = stringAt(subject, 'name');
  const who = kind === 'ServiceAccount' ? `${name}/${stringAt(subject, 'namespace')}` : name;
  return `RBAC: allowed by ${binding.kind} ${JSON.stringify(where)} of ${stringAt(role, 'kind')} ${JSON.stringify(stringAt(role, 'name'))} to ${kind} ${JSON.stringify(who)}`;
};

const isSubject = (subject: JsonObject, caller: Caller, namespace: string): boolean => {
  const name = stringAt(subject, 'name');
  switch (stringAt(subject, 'kind')) {
    case 'User':
      return name === caller.name;
    case 'Group':
      return caller.groups.includes(name);
    case 'ServiceAccount':
      return caller.name === `system:serviceaccount:${stringAt(subject, 'namespace') || namespace}:${name}`;
    default:
      return false;
  }
};

const includes = (rule: JsonObject, key: string, value: string): boolean => {
  const values = arrayAt(rule, key);
  return values.includes('*') || values.includes(value);
};

export const allows = (rule: JsonObject, request: Attributes): boolean => {
  if (!includes(rule, 'verbs', request.verb)) return false;
  if (!request.isResource)
    return arrayAt(rule, 'nonResourceURLs').some((url) => matchesPath(textOf(url), request.path));
  if (!includes(rule, 'apiGroups', request.group)) return false;
  const names = arrayAt(rule, 'resourceNames');
  if (names.length > 0 && !names.includes(request.name)) return false;
  if (request.subresource === '') return includes(rule, 'resources', request.resource);
  const resources = arrayAt(rule, 'resources');
  return (
    includes(rule, 'resources', `${request.resource}/${request.subresource}`) ||
    resources.includes(`*/${request.subresource}`)
  );
};

const matchesPath = (pattern: string, path: string): boolean =>
  pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
