import { debugPod } from './debug-pod.ts';
import { gitOpsRollout } from './gitops-rollout.ts';
import { helmUpgrade } from './helm-upgrade.ts';
import { hotfix } from './hotfix.ts';
import { openIngress } from './open-ingress.ts';
import { pastedSecret } from './pasted-secret.ts';
import { permissionCreep } from './permission-creep.ts';
import { pipelineDeploy } from './pipeline-deploy.ts';
import type { Story } from './story.ts';

/** In the order in which the loop plays them: changes as they should be between changes as they should not. */
export const allStories: readonly Story[] = [
  hotfix,
  gitOpsRollout,
  debugPod,
  pipelineDeploy,
  openIngress,
  helmUpgrade,
  pastedSecret,
  permissionCreep,
];
