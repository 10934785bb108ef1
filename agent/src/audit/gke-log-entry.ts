import { isJsonObject, ownObject, ownString, ownValue } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';

/** HTTP codes of the google.rpc codes that Cloud Audit Logs give for requests that failed. */
const httpCodes: ReadonlyMap<number, number> = new Map([
  [3, 400],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [11, 400],
  [12, 501],
  [13, 500],
  [14, 503],
  [16, 401],
]);

/**
 * The audit.k8s.io event that a Cloud Logging entry with a google.cloud.audit.AuditLog was made from, as far as it says.
 * Groups, impersonation, the request's URI (with it dry runs and field managers) and the time it was received are not in it.
 */
export function eventOfLogEntry(entry: JsonObject, payload: JsonObject): JsonObject {
  const operation = ownObject(entry, 'operation');
  const verb = verbOf(ownString(payload, 'methodName'));
  const request = withoutType(ownValue(payload, 'request'));
  const response = withoutType(ownValue(payload, 'response'));
  const level = response !== undefined ? 'RequestResponse' : request !== undefined ? 'Request' : 'Metadata';
  const requestMetadata = ownObject(payload, 'requestMetadata');
  const callerIp = ownString(requestMetadata, 'callerIp');
  const timestamp = ownString(entry, 'timestamp');
  const user = ownObject(payload, 'authenticationInfo');
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: ownString(operation, 'id') || ownString(entry, 'insertId'),
    stage: isUnfinished(operation) ? 'RequestReceived' : 'ResponseComplete',
    verb,
    user: { username: ownString(user, 'principalEmail') || ownString(user, 'principalSubject') },
    sourceIPs: callerIp === '' ? [] : [callerIp],
    userAgent: ownString(requestMetadata, 'callerSuppliedUserAgent'),
    objectRef: objectRefOf(ownString(payload, 'resourceName'), ownString(payload, 'methodName')),
    responseStatus: { code: codeOf(payload, verb) },
    ...(request === undefined ? {} : { requestObject: request }),
    ...(response === undefined ? {} : { responseObject: response }),
    requestReceivedTimestamp: timestamp,
    stageTimestamp: timestamp,
    annotations: ownObject(entry, 'labels') ?? {},
  };
}

/** Only long-running requests come in two entries. */
function isUnfinished(operation: JsonObject | undefined): boolean {
  return operation !== undefined && ownValue(operation, 'first') === true && ownValue(operation, 'last') !== true;
}

/** `io.k8s.apps.v1.deployments.patch` → patch. */
function verbOf(methodName: string): string {
  return methodName.slice(methodName.lastIndexOf('.') + 1).toLowerCase();
}

/** `apps/v1/namespaces/shop/deployments/web/scale`; the core group is written out. */
function objectRefOf(resourceName: string, methodName: string): JsonObject {
  const [group = '', apiVersion = '', ...path] = resourceName.split('/');
  const isNamespaced = path[0] === 'namespaces' && path.length > 2 && path[2] !== 'finalize' && path[2] !== 'status';
  const [namespace, rest] = isNamespaced ? [path[1] ?? '', path.slice(2)] : ['', path];
  const [resource = '', name = '', subresource = ''] = rest;
  // Of a collection and of a create with a generated name the path ends early; the method still says the resource.
  const named = resource === '' ? (methodName.split('.').at(-2) ?? '') : resource;
  return {
    apiGroup: group === 'core' ? '' : group,
    apiVersion,
    resource: named,
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
    ...(subresource === '' ? {} : { subresource }),
  };
}

function codeOf(payload: JsonObject, verb: string): number {
  const status = ownObject(payload, 'status');
  const code = status === undefined ? 0 : ownValue(status, 'code');
  if (typeof code === 'number' && code !== 0) return httpCodes.get(code) ?? (code >= 100 ? code : 500);
  return verb === 'create' ? 201 : 200;
}

/** `@type` is the envelope's, not the object's. */
function withoutType(value: Json | undefined): JsonObject | undefined {
  if (value === undefined || !isJsonObject(value)) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== '@type'));
}
