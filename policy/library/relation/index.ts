/** Every relation control of the library, by hand: a file that is not listed here does not exist for the loader. */
import type { RelationControl } from '@driftline/policy';
import { aggregatedRole } from './aggregated-role.ts';
import { clusterWideRights } from './cluster-wide-rights.ts';
import { clusterWideSecrets } from './cluster-wide-secrets.ts';
import { configMapSetting } from './config-map-setting.ts';
import { controlPlaneSetting } from './control-plane-setting.ts';
import { crossNamespaceReach } from './cross-namespace-reach.ts';
import { danglingRole } from './dangling-role.ts';
import { danglingSubject } from './dangling-subject.ts';
import { defaultAccountToken } from './default-account-token.ts';
import { defaultDeny } from './default-deny.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { escalationPath } from './escalation-path.ts';
import { exposedPrivilege } from './exposed-privilege.ts';
import { hostClaims } from './host-claims.ts';
import { idleAutoscaler } from './idle-autoscaler.ts';
import { idleToken } from './idle-token.ts';
import { imageSignatures } from './image-signatures.ts';
import { ingressCertificate } from './ingress-certificate.ts';
import { meshMtls } from './mesh-mtls.ts';
import { metadataAddress } from './metadata-address.ts';
import { missingAccount } from './missing-account.ts';
import { namespaceIsolation } from './namespace-isolation.ts';
import { namespaceResources } from './namespace-resources.ts';
import { nodeVersion } from './node-version.ts';
import { podsAdmittedUnseen } from './pods-admitted-unseen.ts';
import { policyBound } from './policy-bound.ts';
import { privilegedShare } from './privileged-share.ts';
import { secretBreadth } from './secret-breadth.ts';
import { selectorOverlap } from './selector-overlap.ts';
import { serviceTarget } from './service-target.ts';
import { sharedCredential } from './shared-credential.ts';
import { stuckDeletion } from './stuck-deletion.ts';
import { unusedClaim } from './unused-claim.ts';
import { webhookService } from './webhook-service.ts';
import { workloadExposure } from './workload-exposure.ts';
import { workloadIsolation } from './workload-isolation.ts';

export const relationControls: readonly RelationControl[] = [
  aggregatedRole,
  clusterWideRights,
  clusterWideSecrets,
  configMapSetting,
  controlPlaneSetting,
  crossNamespaceReach,
  danglingRole,
  danglingSubject,
  defaultAccountToken,
  defaultDeny,
  disruptionBudget,
  escalationPath,
  exposedPrivilege,
  hostClaims,
  idleAutoscaler,
  idleToken,
  imageSignatures,
  ingressCertificate,
  meshMtls,
  metadataAddress,
  missingAccount,
  namespaceIsolation,
  namespaceResources,
  nodeVersion,
  podsAdmittedUnseen,
  policyBound,
  privilegedShare,
  secretBreadth,
  selectorOverlap,
  serviceTarget,
  sharedCredential,
  stuckDeletion,
  unusedClaim,
  webhookService,
  workloadExposure,
  workloadIsolation,
];
