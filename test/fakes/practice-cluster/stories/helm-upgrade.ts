import { chart, releaseSecret } from '../world/helm.ts';
import { workload } from '../world/manifests.ts';
import { helm } from './people.ts';
import type { Story, StoryWorld } from './story.ts';

const release = { release: 'data-platform', namespace: 'data', chart: 'data-platform' };
const secretTarget = {
  apiVersion: 'v1',
  kind: 'Secret',
  namespace: 'data',
  name: 'sh.helm.release.v1.data-platform.v2',
};
const first = { apiVersion: 'v1', kind: 'Secret', namespace: 'data', name: 'sh.helm.release.v1.data-platform.v1' };

const collector = (version: string, tag: string) =>
  chart(
    workload('data', 'events-collector', {
      image: `registry.example.com/data/events-collector:${tag}`,
      port: 4318,
      owner: 'data',
    }),
    { ...release, chart: `data-platform-${version}` },
  );

const setStatus =
  (status: string) =>
  ({ actor }: StoryWorld) => {
    actor(helm).patch(first, 'merge', { metadata: { labels: { status } } }, { query: '?fieldManager=Helm' });
  };
const upgrade =
  (version: string, tag: string) =>
  ({ actor }: StoryWorld) => {
    const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'data', name: 'events-collector' };
    actor(helm).patch(target, 'strategic', collector(version, tag), { query: '?fieldManager=helm' });
  };

/** A chart's new version, with the release Secret that Helm keeps of it. */
export const helmUpgrade: Story = {
  name: 'helm-upgrade',
  title: 'A Helm release is upgraded',
  steps: [
    { title: 'helm upgrade data-platform 1.5.0: events-collector 5.3.0', run: upgrade('1.5.0', '5.3.0') },
    {
      title: 'helm records revision 2',
      run: ({ actor }) =>
        actor(helm).create(releaseSecret({ ...release, version: '1.5.0', revision: 2 }), '?fieldManager=Helm'),
    },
    { title: 'helm marks revision 1 superseded', run: setStatus('superseded') },
  ],
  undo: [
    { title: 'helm rollback data-platform: events-collector 5.2.0', run: upgrade('1.4.0', '5.2.0') },
    { title: 'helm forgets revision 2', run: ({ actor }) => actor(helm).delete(secretTarget) },
    { title: 'helm marks revision 1 deployed', run: setStatus('deployed') },
  ],
};
