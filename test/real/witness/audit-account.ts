/** Audit events of both accounts in the checker's words: the API server's log, and the timeline by SQL. */
import type { Loose } from '../../contract/kube-client.ts';
import type { Truth } from '../flow/attributed-writes.ts';
import { attributedChanges } from '../flow/attribution.ts';
import { ask } from '../flow/recorded.ts';
import type { StoreAccess } from '../flow/recorded.ts';
import { checkAudit } from './check-audit.ts';
import type { AuditEvent, AuditGap, AuditVerdict, LoggedEvent } from './check-audit.ts';
import { auditAllowancesOf } from './effects-of-audit.ts';
import type { Effect } from './effects.ts';

type Facts = Readonly<Record<'user' | 'verb' | 'group' | 'resource' | 'subresource' | 'namespace' | 'level', string>>;

const factsOf = ({ user, verb, group, resource, subresource, namespace, level }: Facts, code: number): string =>
  `${user} ${verb} ${resource}.${group}/${subresource} in ${namespace}: ${code}, at ${level}`;

/** One line of the log. */
export function loggedEvent(event: Loose): LoggedEvent {
  const { auditID, stage, verb, level, user, objectRef = {}, responseStatus = {}, responseObject, requestURI } = event;
  const { apiGroup: group = '', resource = '', subresource = '' } = objectRef;
  // A namespace is in none; the API server puts it into itself.
  const namespace = group === '' && resource === 'namespaces' ? '' : (objectRef.namespace ?? '');
  const code: number = responseStatus.code ?? 0;
  const { uid, resourceVersion } = responseObject?.metadata ?? {};
  const isObject = typeof uid === 'string' && typeof resourceVersion === 'string';
  return {
    id: `${auditID} ${stage}`,
    auditId: auditID,
    verb,
    facts: factsOf({ user: user.username, verb, group, resource, subresource, namespace, level }, code),
    atMs: Date.parse(event.stageTimestamp),
    isVain: code >= 400 || /[?&]dryRun=/.test(requestURI),
    version: isObject ? `${uid} ${resourceVersion}` : '',
  };
}

async function recordedEvents(store: StoreAccess, cluster: string): Promise<readonly AuditEvent[]> {
  const rows = await ask<Facts & { id: string; code: number; atUs: number }>(
    store,
    `SELECT concat(audit_id, ' ', stage) AS id, user, verb, "group", resource, subresource, namespace, level, code,
       happened_at_us AS "atUs" FROM audit_events WHERE cluster = '${cluster}'`,
  );
  return rows.map(({ id, code, atUs, ...facts }) => ({ id, facts: factsOf(facts, code), atMs: atUs / 1000 }));
}

const ofAuditEvents = `"group" = 'audit.k8s.io' AND resource = 'events'`;

/** Of audit events, and of everything. */
async function auditGaps(store: StoreAccess, cluster: string): Promise<readonly AuditGap[]> {
  const rows = await ask<Omit<AuditGap, 'count'> & { resource: string }>(
    store,
    `SELECT cause, detail, resource, from_us / 1000 AS "fromMs", to_us / 1000 AS "toMs" FROM gaps
     WHERE cluster = '${cluster}' AND (${ofAuditEvents} OR resource = '') ORDER BY epoch_ordinal, sequence, "index"`,
  );
  return rows.map(({ resource, ...gap }) => ({
    ...gap,
    count: resource === '' ? Infinity : Number(/\b(\d+) audit events/.exec(gap.detail)?.[1] ?? 0),
  }));
}

/** What was said last. */
async function auditCoverage(store: StoreAccess, cluster: string): Promise<string> {
  const rows = await ask<{ reason: string }>(
    store,
    `SELECT reason FROM coverage WHERE cluster = '${cluster}' AND ${ofAuditEvents}
     ORDER BY epoch_ordinal DESC, sequence DESC, "index" DESC LIMIT 1`,
  );
  return rows[0]?.reason ?? '';
}

export type Accounts = {
  readonly store: StoreAccess;
  readonly cluster: string;
  readonly logged: readonly LoggedEvent[];
  readonly effects: readonly Effect[];
  readonly sinceMs: number;
  readonly truth: Truth;
};

export async function judgeAudit({ store, cluster, logged, effects, sinceMs, truth }: Accounts): Promise<AuditVerdict> {
  return checkAudit({
    logged,
    recorded: await recordedEvents(store, cluster),
    gaps: await auditGaps(store, cluster),
    allowances: auditAllowancesOf(effects),
    coverage: await auditCoverage(store, cluster),
    sinceMs,
    changes: await attributedChanges(store, cluster, 'true'),
    truth,
  });
}
