/** Set-up shared by the tests of the audit inputs: events as the API server writes them, and a sink that can be held. */
import { createHash, createHmac } from 'node:crypto';
import type { Json, MessageBody } from '@driftline/proto';
import type { MessageSink, SequenceRange } from '../message-sink.ts';
import { noAuditMetrics } from './audit-metrics.ts';
import { createAuditRecorder } from './record-audit.ts';
import type { AuditRecorder } from './record-audit.ts';

/** Synthetic: searched for in everything that leaves. */
export const canary = 'canary-8f3kq0zr71xwv52m';

export function auditEvent(number: number, change: Readonly<Record<string, Json>> = {}): Record<string, Json> {
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/default/secrets',
    verb: 'create',
    user: { username: 'alice', groups: ['system:authenticated'] },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl/v1.34.0',
    objectRef: { resource: 'secrets', namespace: 'default', name: `s${number}`, apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: {
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: `s${number}`, namespace: 'default' },
      stringData: { password: canary },
    },
    requestReceivedTimestamp: '2025-06-01T02:00:00.000000Z',
    stageTimestamp: '2025-06-01T02:00:00.004000Z',
    ...change,
  };
}

export const eventList = (items: readonly Json[]): string =>
  JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items });

export type HeldSink = MessageSink & {
  readonly bodies: MessageBody[];
  /** Appends made until then become durable only when it resolves. */
  hold(until: Promise<void>): void;
};

export function createHeldSink(): HeldSink {
  const bodies: MessageBody[] = [];
  let gate: Promise<void> = Promise.resolve();
  return {
    bodies,
    hold(until) {
      gate = until;
    },
    async append(added): Promise<SequenceRange> {
      await gate;
      bodies.push(...added);
      return { firstSequence: bodies.length - added.length + 1, lastSequence: bodies.length };
    },
  };
}

export function createTestRecorder(sink: MessageSink, scope: 'writes' | 'all' = 'writes'): AuditRecorder {
  return createAuditRecorder({
    sink,
    hmac: (text) => createHmac('sha256', 'test key').update(text).digest('base64url').slice(0, 22),
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    scope,
    metrics: noAuditMetrics,
  });
}

/** auditIDs of what was recorded, shortened to their number. */
export const recordedNumbers = (bodies: readonly MessageBody[]): number[] =>
  bodies.flatMap((body) =>
    body.type === 'audit' ? [Number((JSON.parse(body.event) as { auditID: string }).auditID.slice(-12))] : [],
  );

export const rejections = (bodies: readonly MessageBody[]): string[] =>
  bodies.flatMap((body) => (body.type === 'rejected' ? [`${body.source} ${body.reason}`] : []));
