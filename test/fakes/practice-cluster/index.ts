export { Actor, ActorError, type ActorIdentity } from './actor.ts';
export type { Failure } from './api/failures.ts';
export type { AuditOptions } from './audit/audit.ts';
export { type AuditRule, defaultAuditPolicy } from './audit/policy.ts';
export { type Clock, createPracticeClock, systemClock } from './clock.ts';
export type { Json, JsonObject, Manifest } from './object/json.ts';
export type { KubeObject } from './object/kube-object.ts';
export { openPracticeCluster, type PracticeCluster, type PracticeClusterOptions } from './practice-cluster.ts';
