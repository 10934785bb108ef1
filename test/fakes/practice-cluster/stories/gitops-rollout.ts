import { createHash } from 'node:crypto';
import { gitOps } from '../world/gitops.ts';
import { workload } from '../world/manifests.ts';
import { argo } from './people.ts';
import type { Story, StoryWorld } from './story.ts';

const frontend = (tag: string) =>
  workload('shop', 'frontend', {
    image: `registry.example.com/shop/frontend:${tag}`,
    replicas: 3,
    port: 8080,
    owner: 'shop',
  });
const revision = (tag: string) => createHash('sha1').update(`practice ${tag}`).digest('hex');

const rollOut =
  (tag: string) =>
  ({ actor }: StoryWorld): void => {
    const me = actor(argo);
    gitOps.report(me, 'shop', revision(tag), 'Progressing');
    gitOps.sync(me, 'shop', frontend(tag));
  };
const finish =
  (tag: string) =>
  ({ actor }: StoryWorld): void =>
    gitOps.report(actor(argo), 'shop', revision(tag), 'Healthy');

/** Git moved on, and the cluster follows: the change everybody wants to see. */
export const gitOpsRollout: Story = {
  name: 'gitops-rollout',
  title: 'The GitOps controller rolls out a new revision of shop/frontend',
  steps: [
    { title: 'argocd syncs application shop: frontend 4.13.0', run: rollOut('4.13.0') },
    { title: 'application shop is healthy at the new revision', run: finish('4.13.0') },
  ],
  undo: [
    { title: 'argocd syncs the reverted revision: frontend 4.12.0', run: rollOut('4.12.0') },
    { title: 'application shop is healthy at the reverted revision', run: finish('4.12.0') },
  ],
};
