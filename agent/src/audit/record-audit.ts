import {
  auditEvents,
  auditReachUs,
  canonicalJson,
  contentHash,
  isJsonObject,
  parseAuditEvent,
  ProtocolError,
  redactAudit,
} from '@driftline/proto';
import type { AuditMessage, Gap, Hmac, Json, MessageBody, Rejected, Sha256 } from '@driftline/proto';
import type { MessageSink } from '../message-sink.ts';
import type { AuditMetrics, AuditSource } from './audit-metrics.ts';
import { RecentDigests } from './recent-digests.ts';
import { whyLeftOut } from './select-audit.ts';
import type { AuditScope } from './select-audit.ts';

export type AuditRecorderOptions = {
  readonly sink: MessageSink;
  readonly hmac: Hmac;
  readonly sha256: Sha256;
  readonly scope: AuditScope;
  readonly metrics: AuditMetrics;
  /** Events whose repetition is recognised. */
  readonly recentEvents?: number;
};

/** An event as its source gives it: JSON that was parsed, or why it could not be. */
export type RawAuditEvent =
  | { readonly type: 'parsed'; readonly json: Json; readonly bytes: number }
  | { readonly type: 'unreadable'; readonly reason: string; readonly bytes: number };

/** From raw events to durable messages: select → redact → canonical → digest → append. */
export type AuditRecorder = {
  /**
   * Resolves when every event is durable, was so before, or is left out by the scope. What cannot be read becomes a
   * Rejected message, so that it is accounted for and never blocks. Rejects as the sink does.
   */
  record(events: readonly RawAuditEvent[], source: AuditSource): Promise<void>;
  /** Appends bodies of the source's own: rejections, gaps, coverage. */
  append(...bodies: readonly MessageBody[]): Promise<void>;
};

export const defaultRecentEvents = 16_384;

type Outcome = AuditMessage | Rejected | 'left-out';

export function createAuditRecorder(options: AuditRecorderOptions): AuditRecorder {
  const { sink, metrics } = options;
  const recent = new RecentDigests(options.recentEvents ?? defaultRecentEvents);
  return {
    async record(events, source) {
      const bodies: MessageBody[] = [];
      const digests: string[] = [];
      const waitFor = new Set<Promise<unknown>>();
      const counts = { recorded: 0, duplicate: 0, 'left-out': 0, rejected: 0 };
      const inThisCall = new Set<string>();
      for (const event of events) {
        const outcome = captureAudit(event, source, options);
        if (outcome === 'left-out') counts['left-out'] += 1;
        else if (outcome.type === 'rejected') {
          counts.rejected += 1;
          bodies.push(outcome);
        } else {
          const seen = inThisCall.has(outcome.digest) ? undefined : recent.look(outcome.digest);
          if (seen === 'new') {
            counts.recorded += 1;
            inThisCall.add(outcome.digest);
            digests.push(outcome.digest);
            bodies.push(outcome);
          } else {
            counts.duplicate += 1;
            if (seen !== undefined) waitFor.add(seen);
          }
        }
      }
      if (bodies.length > 0) {
        const appended = sink.append(bodies);
        recent.add(digests, appended);
        waitFor.add(appended);
      }
      await Promise.all(waitFor);
      for (const [outcome, count] of Object.entries(counts)) {
        if (count > 0) metrics.events(source, outcome as keyof typeof counts, count);
      }
    },
    async append(...bodies) {
      await sink.append(bodies);
    },
  };
}

/**
 * Events that came in this time, or should have, may be lost: they happened within it, or on their way to it before.
 * `fromUs`: until then everything that came is recorded.
 */
export const auditDrop = (fromUs: number, toUs: number, detail: string): Gap => ({
  type: 'gap',
  ...auditEvents,
  fromVersion: '',
  toVersion: '',
  fromUs: Math.max(0, Math.min(fromUs, toUs) - auditReachUs),
  toUs,
  cause: 'audit_drop',
  detail,
  fromSequence: 0,
  toSequence: 0,
});

export const rejectedAudit = (source: AuditSource, reason: string, detail: string, bytes: number): Rejected => ({
  type: 'rejected',
  source: `audit-${source}`,
  reason,
  detail,
  bytes,
});

function captureAudit(event: RawAuditEvent, source: AuditSource, options: AuditRecorderOptions): Outcome {
  if (event.type === 'unreadable') return rejectedAudit(source, 'unreadable', event.reason, event.bytes);
  const { json, bytes } = event;
  const parsed = parseAuditEvent(json);
  if (!parsed.ok || !isJsonObject(json)) {
    return rejectedAudit(
      source,
      'not-an-event',
      parsed.ok ? 'an audit event is not a JSON object' : parsed.reason,
      bytes,
    );
  }
  if (whyLeftOut(parsed.fields, options.scope) !== undefined) return 'left-out';
  try {
    const canonical = canonicalJson(redactAudit(json, options.hmac));
    return { type: 'audit', digest: contentHash(canonical, options.sha256), event: canonical, source };
  } catch (error) {
    if (error instanceof ProtocolError) return rejectedAudit(source, error.code, error.message, bytes);
    if (error instanceof RangeError) return rejectedAudit(source, 'too-deep', 'nested too deeply', bytes);
    throw error;
  }
}
