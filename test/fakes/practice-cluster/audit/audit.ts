import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type { Decision } from '../access/authorizer.ts';
import type { Attributes, Caller } from '../access/caller.ts';
import type { ApiRequest, Reply } from '../api/request.ts';
import { type Clock, microsText } from '../clock.ts';
import { isObject, type Json, type JsonObject, objectAt, stringAt, valueAt, without } from '../object/json.ts';
import { type AuditLevel, auditLevel, type AuditRule, defaultAuditPolicy } from './policy.ts';
import { AuditWebhook, type AuditWebhookOptions } from './audit-webhook.ts';

export type AuditOptions = {
  readonly webhook?: AuditWebhookOptions;
  /** JSON lines, one event each, appended. */
  readonly logFile?: string;
  /** Rules in order; by default bodies for changes and metadata for reads. */
  readonly policy?: readonly AuditRule[];
  /** Default true, as the default policy says. */
  readonly omitsManagedFields?: boolean;
  /** Called with each event. */
  readonly onEvent?: (event: JsonObject) => void;
};

export type AuditedRequest = {
  readonly request: ApiRequest;
  readonly attributes: Attributes;
  /** The authenticated caller, and who they act as. */
  readonly caller: Caller;
  readonly impersonated: Caller | undefined;
  readonly decision: Decision;
  readonly receivedMs: number;
  readonly auditId: string;
};

/** Writes audit.k8s.io/v1 events of finished requests to a webhook and a file. */
export class Audit {
  readonly #options: AuditOptions;
  readonly #clock: Clock;
  readonly webhook: AuditWebhook | undefined;
  events = 0;

  constructor(options: AuditOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.webhook = options.webhook === undefined ? undefined : new AuditWebhook(options.webhook);
  }

  /** `stage` is ResponseStarted for a watch that opens, else ResponseComplete. */
  record(audited: AuditedRequest, reply: Reply, stage: 'ResponseStarted' | 'ResponseComplete'): void {
    const { webhook, logFile, onEvent, policy = defaultAuditPolicy } = this.#options;
    if (webhook === undefined && logFile === undefined && onEvent === undefined) return;
    const level = auditLevel(policy, audited.attributes, audited.impersonated ?? audited.caller);
    if (level === 'None') return;
    const event = this.#event(audited, reply, level, stage);
    this.events += 1;
    onEvent?.(event);
    if (this.webhook === undefined && logFile === undefined) return;
    const text = JSON.stringify(event);
    this.webhook?.add(text);
    if (logFile !== undefined) appendFileSync(logFile, `${text}\n`);
  }

  async stop(): Promise<void> {
    await this.webhook?.stop();
  }

  #event(audited: AuditedRequest, reply: Reply, level: AuditLevel, stage: string): JsonObject {
    const { request, attributes, decision } = audited;
    const requestObject = hasBodies(level) && reply.type !== 'watch' ? parsed(request.body) : undefined;
    const responseObject = level === 'RequestResponse' ? bodyOf(reply) : undefined;
    const status = reply.type === 'watch' ? 200 : reply.status;
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: audited.auditId,
      stage,
      requestURI: request.url,
      verb: attributes.verb,
      user: userOf(audited.caller),
      ...(audited.impersonated === undefined ? {} : { impersonatedUser: userOf(audited.impersonated) }),
      sourceIPs: [...request.sourceIps],
      userAgent: request.headers['user-agent'] ?? '',
      ...(attributes.isResource ? { objectRef: objectRef(attributes, parsed(request.body)) } : {}),
      responseStatus: responseStatus(reply, status),
      ...(requestObject === undefined ? {} : { requestObject: this.#trimmed(requestObject) }),
      ...(responseObject === undefined ? {} : { responseObject: this.#trimmed(responseObject) }),
      requestReceivedTimestamp: microsText(audited.receivedMs),
      stageTimestamp: microsText(this.#clock.now()),
      annotations: {
        'authorization.k8s.io/decision': decision.allowed ? 'allow' : 'forbid',
        'authorization.k8s.io/reason': decision.reason,
      },
    };
  }

  #trimmed(object: Json): Json {
    if (this.#options.omitsManagedFields === false || !isObject(object)) return object;
    const items = valueAt(object, 'items');
    if (Array.isArray(items)) return { ...object, items: items.map((item) => this.#trimmed(item)) };
    const metadata = valueAt(object, 'metadata');
    return isObject(metadata) ? { ...object, metadata: without(metadata, 'managedFields') } : object;
  }
}

const hasBodies = (level: AuditLevel): boolean => level === 'Request' || level === 'RequestResponse';

const parsed = (text: string): Json | undefined => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

const bodyOf = (reply: Reply): Json | undefined => {
  if (reply.type === 'object') return reply.object;
  return reply.type === 'text' && reply.contentType.startsWith('application/json') ? parsed(reply.text) : undefined;
};

const userOf = (caller: Caller): JsonObject => ({
  username: caller.name,
  ...(caller.uid === '' ? {} : { uid: caller.uid }),
  groups: [...caller.groups],
});

/** The object a request names; a created object's identity comes from its body. */
const objectRef = (attributes: Attributes, body: Json | undefined): JsonObject => {
  const names = attributes.verb === 'create' || attributes.verb === 'update' ? objectAt(body, 'metadata') : {};
  const name = attributes.name || stringAt(names, 'name');
  const namespace = attributes.resource === 'namespaces' && attributes.group === '' ? name : attributes.namespace;
  const uid = stringAt(names, 'uid');
  const resourceVersion = stringAt(names, 'resourceVersion');
  return {
    resource: attributes.resource,
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
    ...(uid === '' ? {} : { uid }),
    ...(attributes.group === '' ? {} : { apiGroup: attributes.group }),
    apiVersion: attributes.version,
    ...(resourceVersion === '' ? {} : { resourceVersion }),
    ...(attributes.subresource === '' ? {} : { subresource: attributes.subresource }),
  };
};

const responseStatus = (reply: Reply, code: number): JsonObject => {
  if (reply.type !== 'object' || reply.object['kind'] !== 'Status') return { metadata: {}, code };
  const { kind: _kind, apiVersion: _apiVersion, ...status } = reply.object;
  return { ...status, code };
};

export const newAuditId = (): string => randomUUID();
