/** Every relation control of the library, by hand: a file that is not listed here does not exist for the loader. */
import type { RelationControl } from '@driftline/policy';
import { clusterWideSecrets } from './cluster-wide-secrets.ts';
import { configMapSetting } from './config-map-setting.ts';
import { controlPlaneSetting } from './control-plane-setting.ts';
import { defaultAccountToken } from './default-account-token.ts';
import { namespaceIsolation } from './namespace-isolation.ts';
import { workloadExposure } from './workload-exposure.ts';

export const relationControls: readonly RelationControl[] = [
  clusterWideSecrets,
  configMapSetting,
  controlPlaneSetting,
  defaultAccountToken,
  namespaceIsolation,
  workloadExposure,
];
