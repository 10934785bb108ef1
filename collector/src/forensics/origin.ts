/**
 * Who was it: a GitOps controller, a pipeline, another controller, or a person? Judged from what is hardest to choose
 * freely down to what anyone can write: authenticated user, then user agent, then field managers, then markers on the
 * object. The first rule that matches decides, and its sentence is the evidence.
 */
import type { ApiOrigin } from '@driftline/proto';

export type OriginEvidence = {
  /** Authenticated user; '' when there is no audit event. */
  readonly user: string;
  readonly groups: readonly string[];
  readonly impersonatedUser: string;
  readonly userAgent: string;
  /** Field managers of the changed paths. */
  readonly managers: readonly string[];
  /** The object carries the mark of a GitOps application. */
  readonly gitopsMarked: boolean;
};

export type OriginVerdict = { readonly origin: ApiOrigin; readonly evidence: string };

const gitopsWords =
  /(argocd|argo-cd|(^|[:/-])flux(-|:|\/|cd|$)|kustomize-controller|helm-controller|source-controller|image-automation-controller|fleet-agent|fleetagent|config-?sync)/i;
const pipelineWords =
  /(github|gitlab|jenkins|tekton|spinnaker|circleci|buildkite|azure-?pipelines|teamcity|atlantis|terraform|hashicorp|pulumi|ansible|(^|[^a-z])(ci|cd|bot|pipelines?|deployer|runner)([^a-z]|$))/i;
const handTools = /^(kubectl|oc|k9s|lens|openlens|headlamp|helm|mozilla|freelens)/i;
const controllerManagers =
  /^(kube-controller-manager|kube-scheduler|kubelet|kube-apiserver|cloud-controller-manager|k3s|rke2|before-first-apply|.*-(controller|operator|manager)$)/i;
const controlPlaneUsers =
  /^system:(kube-controller-manager|kube-scheduler|apiserver|node:|cloud-controller-manager|serviceaccount:kube-system:)/;
const serviceAccount = /^system:serviceaccount:/;

const verdict = (origin: ApiOrigin, evidence: string): OriginVerdict => ({ origin, evidence });

/** A proxy's account that acts for somebody else is not the actor. */
const actorOf = (evidence: OriginEvidence): { readonly actor: string; readonly through: string } => {
  const { user, impersonatedUser } = evidence;
  if (impersonatedUser !== '' && serviceAccount.test(user) && !impersonatedUser.startsWith('system:'))
    return { actor: impersonatedUser, through: ` through ${user}` };
  return { actor: user, through: '' };
};

const byUser = (evidence: OriginEvidence): OriginVerdict => {
  const { actor, through } = actorOf(evidence);
  const agent = evidence.userAgent.split(' ', 1)[0] ?? '';
  const named = `user ${actor}${through}`;
  const isSystem = actor.startsWith('system:');
  if (isSystem && gitopsWords.test(actor)) return verdict('gitops', `${named} is a GitOps controller's account`);
  if (controlPlaneUsers.test(actor)) return verdict('controller', `${named} belongs to the control plane`);
  if (evidence.groups.includes('system:nodes')) return verdict('controller', `${named} is a node`);
  if (isSystem && gitopsWords.test(agent))
    return verdict('gitops', `${named} with the agent ${agent} of a GitOps controller`);
  if (pipelineWords.test(actor)) return verdict('pipeline', `${named} is named like a pipeline's account`);
  if (pipelineWords.test(evidence.userAgent))
    return verdict('pipeline', `${named} with the agent ${agent} of a pipeline`);
  if (serviceAccount.test(actor)) {
    if (handTools.test(agent))
      return verdict('pipeline', `${named}, a service account with the command line tool ${agent}`);
    return verdict('controller', `${named} is a service account`);
  }
  if (isSystem) return verdict('unknown', `${named} is a system account of no known kind`);
  if (handTools.test(agent)) return verdict('human', `${named} with the tool ${agent}`);
  return verdict('human', `${named} is neither a service account nor named like a pipeline's`);
};

const byManagers = (managers: readonly string[]): OriginVerdict | undefined => {
  const find = (words: RegExp): string | undefined => managers.find((manager) => words.test(manager));
  const gitops = find(gitopsWords);
  if (gitops !== undefined) return verdict('gitops', `field manager ${gitops} is a GitOps controller's`);
  const pipeline = find(pipelineWords);
  if (pipeline !== undefined) return verdict('pipeline', `field manager ${pipeline} is a pipeline's`);
  const helm = managers.find((manager) => /^helm$/i.test(manager));
  if (helm !== undefined) return verdict('unknown', 'field manager helm is used by people and by pipelines');
  const hand = find(handTools);
  if (hand !== undefined) return verdict('human', `field manager ${hand} is a command line tool's`);
  const controller = find(controllerManagers);
  if (controller !== undefined) return verdict('controller', `field manager ${controller} is a controller's`);
  return undefined;
};

export const classifyOrigin = (evidence: OriginEvidence): OriginVerdict => {
  if (evidence.user !== '') return byUser(evidence);
  const managed = byManagers(evidence.managers);
  if (managed !== undefined) return managed;
  if (evidence.managers.length > 0)
    return verdict('unknown', `field manager ${evidence.managers[0] ?? ''} is of no known kind`);
  if (evidence.gitopsMarked)
    return verdict('unknown', 'the object belongs to a GitOps application, but nothing says who changed it');
  return verdict('unknown', 'no audit event and no field manager');
};
