import { pipeline } from './people.ts';
import type { Story, StoryWorld } from './story.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'internal-tools', name: 'report-runner' };

const deploy =
  (tag: string, build: number, reference: string) =>
  ({ actor }: StoryWorld) => {
    const annotations = {
      'kubernetes.io/change-cause': `pipeline reports/main build ${build}: report-runner ${tag}`,
      'driftline.io/change-reference': reference,
    };
    const containers = [{ name: 'report-runner', image: `registry.example.com/tools/report-runner:${tag}` }];
    actor(pipeline).patch(
      target,
      'strategic',
      { metadata: { annotations }, spec: { template: { spec: { containers } } } },
      { query: '?fieldManager=kubectl-client-side-apply' },
    );
  };

/** A deployment by the pipeline that says which change it belongs to. */
export const pipelineDeploy: Story = {
  name: 'pipeline-deploy',
  title: 'The CI pipeline deploys with a change reference',
  steps: [{ title: 'ci:deployer deploys report-runner 1.2.0 for CHG-1042', run: deploy('1.2.0', 318, 'CHG-1042') }],
  undo: [{ title: 'ci:deployer deploys report-runner 1.1.0 back for CHG-1043', run: deploy('1.1.0', 319, 'CHG-1043') }],
};
