export type { ChangeForms } from '@driftline/policy';
