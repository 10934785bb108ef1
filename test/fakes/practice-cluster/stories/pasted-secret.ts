import { bob } from './people.ts';
import type { Story } from './story.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'cart' };
const query = '?fieldManager=kubectl-edit';
const env = (items: readonly object[]) => ({
  spec: { template: { spec: { containers: [{ name: 'cart', env: items }] } } },
});

/** Synthetic credentials in the forms that real ones have. */
const accessKey = ['AKIA', 'PRACTICEONLY', '2345'].join('');
const password = 'practice-only-hunter2-not-a-secret';

/** The Secret did not arrive in time, so the password went into the Deployment. */
export const pastedSecret: Story = {
  name: 'pasted-secret',
  title: 'A credential is pasted into an environment variable',
  steps: [
    {
      title: 'bob edits deployment shop/cart and adds a password and an access key as plain values',
      run: ({ actor }) =>
        actor(bob).patch(
          target,
          'strategic',
          env([
            { name: 'REDIS_PASSWORD', value: password },
            { name: 'AWS_ACCESS_KEY_ID', value: accessKey },
          ]),
          { query },
        ),
    },
  ],
  undo: [
    {
      title: 'bob takes the values out again',
      run: ({ actor }) =>
        actor(bob).patch(
          target,
          'strategic',
          env([
            { name: 'REDIS_PASSWORD', $patch: 'delete' },
            { name: 'AWS_ACCESS_KEY_ID', $patch: 'delete' },
          ]),
          { query },
        ),
    },
  ],
};
