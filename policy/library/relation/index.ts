/** Every relation control of the library, by hand: a file that is not listed here does not exist for the loader. */
import type { RelationControl } from '@driftline/policy';
import { namespaceIsolation } from './namespace-isolation.ts';

export const relationControls: readonly RelationControl[] = [namespaceIsolation];
