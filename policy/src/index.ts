export * from './contract.ts';
export * from './language/pod-template.ts';
export * from './language/read-json.ts';
export type { RelationControl, RelationInput } from './language/relation-control.ts';
