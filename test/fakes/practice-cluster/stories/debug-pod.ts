import type { Story } from './story.ts';
import { bob, carol } from './people.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'internal-tools', name: 'debug-carol' };

/** A debug pod with everything switched on, and then the weekend came. */
export const debugPod: Story = {
  name: 'debug-pod',
  title: 'A privileged debug pod is left behind',
  steps: [
    {
      title: 'carol runs a privileged pod with the host mounted in internal-tools',
      run: ({ actor }) =>
        actor(carol).create({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: pod.name, namespace: pod.namespace, labels: { run: pod.name } },
          spec: {
            hostPID: true,
            hostNetwork: true,
            restartPolicy: 'Never',
            containers: [
              {
                name: 'shell',
                image: 'docker.io/nicolaka/netshoot:latest',
                command: ['sleep', 'infinity'],
                securityContext: { privileged: true },
                volumeMounts: [{ name: 'host', mountPath: '/host' }],
              },
            ],
            volumes: [{ name: 'host', hostPath: { path: '/' } }],
          },
        }),
    },
    {
      title: 'carol opens a shell in it (recorded, nothing changes)',
      run: ({ actor }) =>
        actor(carol).request(
          'GET',
          '/api/v1/namespaces/internal-tools/pods/debug-carol/exec?command=sh&stdin=true&tty=true',
        ),
    },
    {
      title: 'bob tries to delete it and is denied',
      run: ({ actor }) => actor(bob).request('DELETE', '/api/v1/namespaces/internal-tools/pods/debug-carol'),
    },
  ],
  undo: [
    { title: 'carol deletes the debug pod', run: ({ actor }) => actor(carol).delete(pod, { gracePeriodSeconds: 0 }) },
  ],
};
