/** What other parts of the collector may use of the timeline. */
export {
  type ClusterBinding,
  type ClusterBindings,
  type NewBinding,
  openClusterBindings,
} from './bindings/cluster-bindings.ts';
export { type ClaimOutcome, type ClusterClaims, openClusterClaims } from './bindings/cluster-claims.ts';
export { type ChainVerdict, verifyChain } from './chain/verify-chain.ts';
export type { StoreConnection, StoreUser } from './connection/store-connection.ts';
export { parseStoreSettings, type StoreSettings } from './connection/store-settings.ts';
export { openTimelineCursors, type TimelineCursors } from './cursors/timeline-cursors.ts';
export { migrate } from './migrations/migrate.ts';
export { openTimeline, type Timeline, type TimelineOptions } from './open-timeline.ts';
export { loadSql, type SqlFile } from './reader/sql-file.ts';
export { openTimelineReader, type SqlParameters, type TimelineReader } from './reader/timeline-reader.ts';
export { timelineRecovery } from './recovery/clickhouse-timeline-recovery.ts';
export * from './rows.ts';
export {
  type EmbeddedClickHouse,
  type EmbeddedClickHouseOptions,
  openEmbeddedClickHouse,
} from './server/embedded-clickhouse.ts';
export { type AgentSession, type AgentSessions, openAgentSessions } from './sessions/agent-sessions.ts';
export type {
  ClusterId,
  ListedKind,
  OpenVerdict,
  RecentRows,
  RecordedEpoch,
  RefusedStream,
  UnfinishedRows,
  TimelineRecovery,
  TimelineWriter,
} from './timeline.ts';
export { TimelineError, type TimelineErrorCode } from './timeline-error.ts';
export {
  type ClickHouseTimelineWriter,
  openTimelineWriter,
  type TimelineWriterOptions,
} from './writer/clickhouse-timeline-writer.ts';
