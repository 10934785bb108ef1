/** A ClusterRoleBinding must not give anybody the Secrets of all namespaces. */
import { type Fact, listAt, objectAt, type RelationControl, stringAt, stringsOf, valueAt } from '@driftline/policy';
import type { Json } from '@driftline/proto';
import { bindingReads, isBuiltInRbac } from './built-in-rbac.ts';

/** The rights on Secrets that a ClusterRole gives without naming which; absent when there are none. */
const readsSecrets: Fact<readonly string[]> = {
  name: 'cluster-role-reads-secrets',
  group: 'rbac.authorization.k8s.io',
  kind: 'ClusterRole',
  reads: [['rules']],
  project(role) {
    const verbs = new Set(listAt(role, 'rules').flatMap(secretVerbs));
    return verbs.size === 0 ? undefined : [...verbs].sort();
  },
};

const reading: ReadonlySet<string> = new Set(['get', 'list', 'watch', '*']);

function secretVerbs(rule: Json): readonly string[] {
  const groups = stringsOf(valueAt(rule, 'apiGroups'));
  const resources = stringsOf(valueAt(rule, 'resources'));
  const isSecrets =
    groups.some((group) => group === '' || group === '*') && resources.some((one) => one === 'secrets' || one === '*');
  if (!isSecrets || stringsOf(valueAt(rule, 'resourceNames')).length > 0) return [];
  return stringsOf(valueAt(rule, 'verbs')).filter((verb) => reading.has(verb));
}

export const clusterWideSecrets: RelationControl = {
  name: 'cluster-wide-secrets',
  reads: bindingReads,
  evaluate({ object, view }) {
    if (isBuiltInRbac(object)) return { verdict: 'not-applicable' };
    const roleRef = objectAt(object, 'roleRef');
    const name = roleRef === undefined ? '' : stringAt(roleRef, 'name');
    const verbs = view.fact(readsSecrets, { group: readsSecrets.group, kind: readsSecrets.kind, namespace: '', name });
    const subjects = listAt(object, 'subjects').map(
      (subject) => `${stringAt(subject, 'kind')} ${stringAt(subject, 'name')}`,
    );
    if (verbs === undefined || subjects.length === 0) return { verdict: 'pass' };
    const reason = `${subjects.join(', ')} may ${verbs.join(', ')} Secrets in all namespaces by ClusterRole ${name}`;
    return { verdict: 'fail', violations: [{ path: 'roleRef', value: name, reason }] };
  },
};
