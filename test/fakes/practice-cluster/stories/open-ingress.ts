import { ingress } from '../world/manifests.ts';
import { alice } from './people.ts';
import type { Story } from './story.ts';

/** "Just for the demo": the admin panel is reachable from the internet, without TLS. */
export const openIngress: Story = {
  name: 'open-ingress',
  title: 'An Ingress without TLS exposes an internal service',
  steps: [
    {
      title: 'alice creates ingress internal-tools/admin-panel for admin.example.com',
      run: ({ actor }) =>
        actor(alice).create(
          ingress('internal-tools', 'admin-panel', 'admin.example.com', false),
          '?fieldManager=kubectl-create',
        ),
    },
  ],
  undo: [
    {
      title: 'alice deletes the ingress',
      run: ({ actor }) =>
        actor(alice).delete({
          apiVersion: 'networking.k8s.io/v1',
          kind: 'Ingress',
          namespace: 'internal-tools',
          name: 'admin-panel',
        }),
    },
  ],
};
