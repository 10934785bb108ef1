import { binding } from '../world/manifests.ts';
import { alice, carol } from './people.ts';
import type { Step, Story } from './story.ts';

const name = 'support-read-pods';
const roleTarget = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name };
const weekMs = 7 * 24 * 3600_000;

const base = { apiGroups: [''], resources: ['pods', 'pods/log', 'events'], verbs: ['get', 'list', 'watch'] };
const grants = [
  {
    what: 'configmaps too, to see a setting',
    rule: { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] },
  },
  { what: 'exec, to look at one stuck pod', rule: { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] } },
  { what: 'deleting pods, to restart them', rule: { apiGroups: [''], resources: ['pods'], verbs: ['delete'] } },
  {
    what: 'secrets, because a token had to be compared',
    rule: { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] },
  },
];

/** Each week adds a little. Where the cluster's clock can be stepped, a week passes before each step. */
const weeks: Step[] = grants.map(({ what }, index) => ({
  title: `week ${index + 1}: support gets ${what}`,
  run: ({ actor, clock }) => {
    clock.advance?.(weekMs);
    const rules = [base, ...grants.slice(0, index + 1).map((grant) => grant.rule)];
    actor(index % 2 === 0 ? alice : carol).patch(
      roleTarget,
      'merge',
      { rules },
      { query: '?fieldManager=kubectl-edit' },
    );
  },
}));

/** Nobody ever decided that support may read every secret. */
export const permissionCreep: Story = {
  name: 'permission-creep',
  title: 'Permissions creep: a support role grows week by week',
  steps: [
    ...weeks,
    {
      title: `week ${grants.length + 1}: support's group is bound to cluster-admin "for the migration"`,
      run: ({ actor, clock }) => {
        clock.advance?.(weekMs);
        actor(alice).create(
          binding('', 'support-migration', 'cluster-admin', [{ kind: 'Group', name: 'support' }]),
          '?fieldManager=kubectl-create',
        );
      },
    },
  ],
  undo: [
    {
      title: 'alice removes the cluster-admin binding of support',
      run: ({ actor }) =>
        actor(alice).delete({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          name: 'support-migration',
        }),
    },
    {
      title: 'alice sets the support role back to reading pods',
      run: ({ actor }) =>
        actor(alice).patch(roleTarget, 'merge', { rules: [base] }, { query: '?fieldManager=kubectl-edit' }),
    },
  ],
};
