import { alice } from './people.ts';
import type { Story } from './story.ts';

const binding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  namespace: 'shop',
  name: 'shop-developers',
};
const query = '?fieldManager=kubectl-edit';

const bySubjects = (names: readonly string[]) => ({
  subjects: names.map((name) => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name })),
});

/** 02:00, checkout is down, and everybody who is logged in may suddenly change everything in the shop. */
export const hotfix: Story = {
  name: 'hotfix-role-binding',
  title: 'The 2 a.m. hotfix: alice widens a RoleBinding by hand',
  steps: [
    {
      title: 'alice edits rolebinding shop/shop-developers: every authenticated user gets edit',
      run: ({ actor }) =>
        actor(alice).patch(binding, 'strategic', bySubjects(['shop-developers', 'system:authenticated']), { query }),
    },
    {
      title: 'alice scales shop/checkout to 5',
      run: ({ actor }) =>
        actor(alice).patch(
          { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'checkout' },
          'merge',
          { spec: { replicas: 5 } },
          { subresource: 'scale' },
        ),
    },
  ],
  undo: [
    {
      title: 'alice takes the widened binding back',
      run: ({ actor }) => actor(alice).patch(binding, 'strategic', bySubjects(['shop-developers']), { query }),
    },
    {
      title: 'alice scales shop/checkout back to 2',
      run: ({ actor }) =>
        actor(alice).patch(
          { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'checkout' },
          'merge',
          { spec: { replicas: 2 } },
          { subresource: 'scale' },
        ),
    },
  ],
};
