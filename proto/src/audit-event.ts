/** What Driftline reads out of an audit.k8s.io Event. */
import { isJsonArray, isJsonObject, ownObject, ownString, ownValue } from './json.ts';
import type { Json, JsonObject } from './message.ts';
import { parseTimestampUs } from './timestamp.ts';

/** Audit events as a kind of their own, in coverage and gaps. */
export const auditEvents = { group: 'audit.k8s.io', resource: 'events' } as const;

export const isAuditEvents = ({ group, resource }: { readonly group: string; readonly resource: string }): boolean =>
  group === auditEvents.group && resource === auditEvents.resource;

export type AuditFields = {
  /** Clients can choose it: not an identity. */
  readonly auditId: string;
  readonly level: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestUri: string;
  readonly user: string;
  readonly groups: readonly string[];
  /** '' when nobody was impersonated. */
  readonly impersonatedUser: string;
  readonly impersonatedGroups: readonly string[];
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  /** Whether the request addressed an object or collection of a kind; the next fields are '' when not. */
  readonly hasObject: boolean;
  readonly group: string;
  /** Version of the API group in the request, without the group. */
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** '' for collections and for creates with generateName (see responseName). */
  readonly name: string;
  /** uid and resourceVersion that the event gives: of the response object, else of the request's objectRef; '' if none. */
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether resourceVersion is that of the response, so that it names the version which the request made. */
  readonly isResponseVersion: boolean;
  readonly responseName: string;
  /** metadata.resourceVersion of the request object or objectRef: the version the client said it had seen. */
  readonly requestVersion: string;
  /** HTTP status code; 0 when the event has none. */
  readonly code: number;
  /** dryRun=All: nothing was stored. */
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly receivedAtUs: number;
  /** When this stage was reached: the upper bound of when it happened. */
  readonly stageAtUs: number;
};

export type AuditEventResult =
  | { readonly ok: true; readonly fields: AuditFields }
  /** One sentence without content of the event. */
  | { readonly ok: false; readonly reason: string };

/**
 * Reads an audit event of any served version (v1, v1beta1, v1alpha1), parsed or as JSON text. Total: whatever is
 * missing is '' or 0; only what is no event at all is rejected.
 */
export function parseAuditEvent(event: Json): AuditEventResult {
  const json = typeof event === 'string' ? parseText(event) : event;
  if (!isJsonObject(json)) return { ok: false, reason: 'an audit event is not a JSON object' };
  const verb = ownString(json, 'verb');
  if (verb === '') return { ok: false, reason: 'an audit event has no verb' };
  if (ownString(json, 'stage') === '') return { ok: false, reason: 'an audit event has no stage' };
  const receivedAtUs = timeOf(json, 'requestReceivedTimestamp') || timeOf(json, 'timestamp');
  const stageAtUs = timeOf(json, 'stageTimestamp') || receivedAtUs;
  if (stageAtUs === 0) return { ok: false, reason: 'an audit event has no time' };
  return { ok: true, fields: { ...request(json, verb), ...object(json), receivedAtUs, stageAtUs } };
}

type RequestFields = Pick<
  AuditFields,
  | 'auditId'
  | 'level'
  | 'stage'
  | 'verb'
  | 'requestUri'
  | 'user'
  | 'groups'
  | 'impersonatedUser'
  | 'impersonatedGroups'
  | 'sourceIps'
  | 'userAgent'
  | 'code'
  | 'dryRun'
  | 'fieldManager'
>;

function request(json: JsonObject, verb: string): RequestFields {
  const user = ownObject(json, 'user');
  const impersonated = ownObject(json, 'impersonatedUser');
  const requestUri = ownString(json, 'requestURI');
  const code = ownValue(ownObject(json, 'responseStatus') ?? {}, 'code');
  return {
    auditId: ownString(json, 'auditID'),
    level: ownString(json, 'level'),
    stage: ownString(json, 'stage'),
    verb,
    requestUri,
    user: ownString(user, 'username'),
    groups: strings(user, 'groups'),
    impersonatedUser: ownString(impersonated, 'username'),
    impersonatedGroups: strings(impersonated, 'groups'),
    sourceIps: strings(json, 'sourceIPs'),
    userAgent: ownString(json, 'userAgent'),
    code: typeof code === 'number' && Number.isSafeInteger(code) ? code : 0,
    dryRun: queryParameter(requestUri, 'dryRun') !== '' || isDryRunDelete(json),
    fieldManager: queryParameter(requestUri, 'fieldManager'),
  };
}

type ObjectFields = Omit<AuditFields, keyof RequestFields | 'receivedAtUs' | 'stageAtUs'>;

function object(json: JsonObject): ObjectFields {
  const ref = ownObject(json, 'objectRef');
  const response = ownObject(json, 'responseObject');
  const responseMeta = isStatus(response) ? undefined : ownObject(response, 'metadata');
  const requestMeta = ownObject(ownObject(json, 'requestObject'), 'metadata');
  const responseVersion = ownString(responseMeta, 'resourceVersion');
  const requestVersion = ownString(ref, 'resourceVersion') || ownString(requestMeta, 'resourceVersion');
  return {
    hasObject: ownString(ref, 'resource') !== '',
    group: ownString(ref, 'apiGroup'),
    apiVersion: ownString(ref, 'apiVersion'),
    resource: ownString(ref, 'resource'),
    subresource: ownString(ref, 'subresource'),
    namespace: ownString(ref, 'namespace'),
    name: ownString(ref, 'name'),
    uid: ownString(responseMeta, 'uid') || deletedUid(response) || ownString(ref, 'uid'),
    resourceVersion: responseVersion || requestVersion,
    isResponseVersion: responseVersion !== '',
    responseName: ownString(responseMeta, 'name'),
    requestVersion,
  };
}

function isStatus(response: JsonObject | undefined): boolean {
  return ownString(response, 'kind') === 'Status' && ownString(response, 'apiVersion') === 'v1';
}

/** A delete that answers with a Status names the deleted object's uid in its details. */
function deletedUid(response: JsonObject | undefined): string {
  return isStatus(response) ? ownString(ownObject(response, 'details'), 'uid') : '';
}

/** A delete can ask for a dry run in its DeleteOptions instead of the query. */
function isDryRunDelete(json: JsonObject): boolean {
  const options = ownObject(json, 'requestObject');
  return ownString(options, 'kind') === 'DeleteOptions' && strings(options, 'dryRun').length > 0;
}

function strings(object: JsonObject | undefined, key: string): readonly string[] {
  const value = object === undefined ? undefined : ownValue(object, key);
  return isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function timeOf(json: JsonObject, key: string): number {
  return Math.max(0, parseTimestampUs(ownString(json, key)) ?? 0);
}

function queryParameter(uri: string, name: string): string {
  const query = uri.slice(uri.indexOf('?') + 1);
  if (query.length === uri.length) return '';
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && pair.slice(0, equals) === name) return decode(pair.slice(equals + 1));
  }
  return '';
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function parseText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
