import type { AuditFields } from '@driftline/proto';

/** 'writes' is what attribution and oversight need; 'all' keeps everything the API server sends. */
export type AuditScope = 'writes' | 'all';

/** Says in coverage what the scope leaves out, so that nobody takes silence for absence. */
export const scopeReason: Readonly<Record<AuditScope, string>> = {
  writes:
    'recorded: writes, denied and failed requests, exec, attach, portforward, proxy, impersonation. Left out: successful ' +
    'get, list and watch, reviews, the RequestReceived stage, and successful writes of leases, events, endpoints and endpointslices',
  all: 'every event that the API server sends is recorded',
};

const writeVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
/** Reaching into a workload is an act, whatever its verb. */
const reachingSubresources = new Set(['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers']);
/** Creates that ask a question and store nothing. */
const reviews = new Set([
  'tokenreviews',
  'subjectaccessreviews',
  'localsubjectaccessreviews',
  'selfsubjectaccessreviews',
  'selfsubjectrulesreviews',
  'selfsubjectreviews',
]);
/** Kinds that are not watched by default: heartbeats. Most writes of a cluster are theirs. */
const heartbeats = new Set(['leases', 'events', 'endpoints', 'endpointslices']);

/** The sentence that says why an event is left out; undefined when it is recorded. */
export function whyLeftOut(event: AuditFields, scope: AuditScope): string | undefined {
  if (scope === 'all') return undefined;
  if (event.stage === 'RequestReceived') return 'the request is recorded when it is answered';
  if (event.code >= 400 || event.stage === 'Panic' || event.impersonatedUser !== '') return undefined;
  if (reachingSubresources.has(event.subresource)) return undefined;
  if (!writeVerbs.has(event.verb)) return 'a successful read';
  if (reviews.has(event.resource)) return 'a review stores nothing';
  if (heartbeats.has(event.resource)) return 'a heartbeat';
  return undefined;
}
