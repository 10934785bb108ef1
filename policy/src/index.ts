export * from './contract.ts';
export * from './read-path.ts';
export * from './language/pod-template.ts';
export * from './language/read-json.ts';
export { serviceAccountNamed } from './language/service-account.ts';
export type { RelationControl, RelationInput } from './language/relation-control.ts';
export { createEngine, type Engine, type EngineOptions } from './engine/engine.ts';
export { engineLimits } from './engine/limits.ts';
export { createMemoryObjectStore, type ObjectStore } from './engine/object-store.ts';
export { matchesSelector } from './engine/selector.ts';
export type {
  Cause,
  Finding,
  JudgedTransition,
  KnownFinding,
  Unanswered,
  UnansweredChange,
} from './engine/verdict-book.ts';
export { factsShownBy } from './risk/evidence.ts';
export { criticalityLabel, type Risk, type RiskFactor, type RiskFacts, riskOf } from './risk/risk.ts';
export { ownerLabels, ownerOf } from './score/owner.ts';
export { percentOf, pointsOf, weightOf } from './score/score.ts';
export type { PairCounts, Score, ScoreCard, SeverityCounts } from './score/score.ts';
export { type CaseResult, runCases } from './cases/run-cases.ts';
export type { Bundle, BundleSource, LoadedControl } from './load/bundle.ts';
export {
  exportControl,
  type ExportOptions,
  type ExportResult,
  type ValidationAction,
} from './export/admission-policy.ts';
export { exceptControls, exceptionNamedIn } from './exception/except-control.ts';
export { type Exception, holdsIn } from './exception/exception.ts';
export {
  type ExceptionReportOptions,
  type ExceptionState,
  type ExceptionUse,
  reportExceptions,
} from './exception/report.ts';
export type { OpaBundle } from './language/rego/opa-bundle.ts';
export { regoLimits } from './language/rego/rego-module.ts';
export type { ControlCase, ControlFile } from './load/control-file.ts';
export type { FrameworkFile } from './load/framework-file.ts';
export { type ChangeControls, createChangeControls } from './change/change-controls.ts';
export { clusterBefore } from './change/cluster-before.ts';
export { type ClusterSource, clusterView } from './change/cluster-view.ts';
export {
  type ChangeJudge,
  createChangeJudge,
  type FirstJudgement,
  type ObservedChange,
} from './change/judge-change.ts';
export type { KeptReads } from './change/kept-reads.ts';
export { verdictReason } from './change/verdict-reason.ts';
export { type ChangeForms, observedChange } from './change/observed-change.ts';
export { type BundleResult, loadBundle } from './load/load-bundle.ts';
export { type PolicyProblem, problemText } from './load/problem.ts';
export type { PolicyFile } from './load/yaml-file.ts';
