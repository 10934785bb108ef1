/** What an aggregated ClusterRole gathers by labels is judged as its own: who may set the label may widen it. */
import { type RelationControl, type Violation } from '@driftline/policy';
import { isBuiltInRbac } from './built-in-rbac.ts';
import { isEmptySelector } from './label-selector.ts';
import type { Power } from './rbac-powers.ts';
import { aggregatedBy, selectorsOf } from './rbac-rights.ts';

const dangerous: ReadonlySet<Power> = new Set<Power>([
  'everything',
  'escalate ClusterRoles',
  'bind ClusterRoles',
  'escalate Roles',
  'impersonate users',
  'impersonate groups',
  'impersonate service accounts',
  'read Secrets',
  'create tokens',
  'reach kubelets',
  'change mutating webhooks',
  'approve certificates',
]);

export const aggregatedRole: RelationControl = {
  name: 'aggregated-role',
  reads: [
    ['object', 'metadata', 'labels'],
    ['object', 'aggregationRule'],
  ],
  evaluate({ object, key, view }) {
    const selectors = selectorsOf(object);
    if (selectors.length === 0 || isBuiltInRbac(object)) return { verdict: 'not-applicable' };
    const violations = selectors.flatMap((selector, index): readonly Violation[] => {
      const path = `aggregationRule.clusterRoleSelectors[${index}]`;
      if (isEmptySelector(selector)) return [{ path, value: '', reason: 'it gathers every ClusterRole' }];
      const found = aggregatedBy(selector, view)
        .filter((one) => one.key.name !== key.name)
        .map((one) => ({ name: one.key.name, powers: one.value.grants.map(({ power }) => power) }))
        .map(({ name, powers }) => ({ name, powers: powers.filter((power) => dangerous.has(power)) }))
        .filter(({ powers }) => powers.length > 0)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      if (found.length === 0) return [];
      const reason = found.map(({ name, powers }) => `ClusterRole ${name} adds: ${[...new Set(powers)].join(', ')}`);
      return [{ path, value: found.map(({ name }) => name).join(', '), reason: reason.join('; ') }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
