export type AuditSource = 'webhook' | 'log';

/** Figures of the audit inputs. metrics.ts makes the real ones; units are in the names. */
export type AuditMetrics = {
  events(source: AuditSource, outcome: 'recorded' | 'duplicate' | 'left-out' | 'rejected', count: number): void;
  webhookAnswered(status: number): void;
  webhookWaitingBytes(bytes: number): void;
  logBehindBytes(bytes: number): void;
};

export const noAuditMetrics: AuditMetrics = {
  events: () => undefined,
  webhookAnswered: () => undefined,
  webhookWaitingBytes: () => undefined,
  logBehindBytes: () => undefined,
};
