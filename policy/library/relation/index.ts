/** Every relation control of the library, by hand: a file that is not listed here does not exist for the loader. */
import type { RelationControl } from '@driftline/policy';
import { aggregatedRole } from './aggregated-role.ts';
import { clusterWideRights } from './cluster-wide-rights.ts';
import { clusterWideSecrets } from './cluster-wide-secrets.ts';
import { configMapSetting } from './config-map-setting.ts';
import { controlPlaneSetting } from './control-plane-setting.ts';
import { danglingRole } from './dangling-role.ts';
import { danglingSubject } from './dangling-subject.ts';
import { defaultAccountToken } from './default-account-token.ts';
import { escalationPath } from './escalation-path.ts';
import { exposedPrivilege } from './exposed-privilege.ts';
import { idleToken } from './idle-token.ts';
import { namespaceIsolation } from './namespace-isolation.ts';
import { workloadExposure } from './workload-exposure.ts';

export const relationControls: readonly RelationControl[] = [
  aggregatedRole,
  clusterWideRights,
  clusterWideSecrets,
  configMapSetting,
  controlPlaneSetting,
  danglingRole,
  danglingSubject,
  defaultAccountToken,
  escalationPath,
  exposedPrivilege,
  idleToken,
  namespaceIsolation,
  workloadExposure,
];
