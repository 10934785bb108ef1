/** A ClusterRoleBinding must not give the powers that `params.powers` names, in all namespaces and without names. */
import { listAt, type RelationControl, stringAt, stringsOf } from '@driftline/policy';
import { bindingReads, isBuiltInRbac } from './built-in-rbac.ts';
import { grantsOfRole, roleRefOf } from './rbac-rights.ts';

export const clusterWideRights: RelationControl = {
  name: 'cluster-wide-rights',
  reads: bindingReads,
  evaluate({ object, view, params }) {
    const role = roleRefOf(object);
    if (isBuiltInRbac(object)) return { verdict: 'not-applicable' };
    // That the subject may do everything is a finding of its own.
    const grants = grantsOfRole(role, '', view);
    const held = new Set<string>(grants.filter(({ names }) => names.length === 0).map(({ power }) => power));
    const powers = held.has('everything') ? [] : stringsOf(params['powers']).filter((power) => held.has(power));
    const subjects = listAt(object, 'subjects').map((one) => `${stringAt(one, 'kind')} ${stringAt(one, 'name')}`);
    if (powers.length === 0 || subjects.length === 0) return { verdict: 'pass' };
    const reason = `${subjects.join(', ')} may in every namespace: ${powers.join(', ')} (ClusterRole ${role.name})`;
    return { verdict: 'fail', violations: [{ path: 'roleRef', value: role.name, reason }] };
  },
};
