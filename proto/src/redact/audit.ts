/** Redaction of audit events: bodies are objects or patches, and requests carry parameters. */
import { isJsonArray, isJsonObject, mapItems, mapMembers, ownObject, ownString, ownValue } from '../json.ts';
import type { Json, JsonObject } from '../message.ts';
import { isRedacted } from './marker.ts';
import { redactAsSecret, redactValue } from './object.ts';
import { redactSecretValues } from './secret-object.ts';
import { redactWhole, type RedactContext } from './text.ts';
import { redactRequestUri } from './uri.ts';

/** The event without its secrets; the same reference when there are none. */
export function redactAuditEvent(event: JsonObject, context: RedactContext): JsonObject {
  const isSecrets = ownString(ownObject(event, 'objectRef'), 'resource').toLowerCase() === 'secrets';
  return mapMembers(event, (value, key) => redactMember(key, value, isSecrets, context));
}

function redactMember(key: string, value: Json, isSecrets: boolean, context: RedactContext): Json {
  if (key === 'requestURI' && typeof value === 'string') return redactRequestUri(value, context);
  if (isSecrets && (key === 'requestObject' || key === 'responseObject')) return redactSecretBody(value, context);
  if (isSecrets && key === 'responseStatus' && isJsonObject(value)) return redactStatus(value, context);
  const wrapped = redactValue({ [key]: value }, context) as JsonObject;
  return ownValue(wrapped, key) ?? value;
}

/** A Secret, a list of them, a merge patch or a JSON Patch of one. Anything else has no business there. */
function redactSecretBody(body: Json, context: RedactContext): Json {
  if (typeof body === 'string') return body === '' || isRedacted(body) ? body : redactWhole(body, 'secret', context);
  if (isJsonArray(body)) return mapItems(body, (item) => redactSecretOperation(item, context));
  if (!isJsonObject(body)) return body;
  if (ownString(body, 'kind') === 'Status') return redactStatus(body, context);
  return mapMembers(redactAsSecret(body, context), (value, key) => {
    if (key !== 'items' || !isJsonArray(value)) return value;
    return mapItems(value, (item) => (isJsonObject(item) ? redactAsSecret(item, context) : item));
  });
}

/** An operation of a JSON Patch on a Secret: only what it writes to metadata or type can be readable. */
function redactSecretOperation(operation: Json, context: RedactContext): Json {
  if (!isJsonObject(operation)) return redactValue(operation, context);
  const path = ownString(operation, 'path');
  const value = ownValue(operation, 'value');
  if (value === undefined || /^\/(?:metadata\/|metadata$|type$|kind$|apiVersion$|immutable$)/.test(path)) {
    return redactValue(operation, context);
  }
  return mapMembers(operation, (member, key) => {
    if (key !== 'value') return member;
    const isWhole = path === '' && isJsonObject(member);
    return isWhole ? redactAsSecret(member, context) : redactSecretValues(member, path.startsWith('/data'), context);
  });
}

/** Validation messages repeat the value that they refuse. */
function redactStatus(status: JsonObject, context: RedactContext): JsonObject {
  const redacted = redactValue(status, context) as JsonObject;
  if (!JSON.stringify(status).includes('nvalid value')) return redacted;
  return mapMembers(redacted, (value, key) => {
    if (key === 'message') return redactMessage(value, context);
    if (key !== 'details' || !isJsonObject(value)) return value;
    return mapMembers(value, (causes, name) => {
      if (name !== 'causes' || !isJsonArray(causes)) return causes;
      return mapItems(causes, (cause) => redactCause(cause, context));
    });
  });
}

function redactCause(cause: Json, context: RedactContext): Json {
  if (!isJsonObject(cause)) return cause;
  return mapMembers(cause, (value, key) => (key === 'message' ? redactMessage(value, context) : value));
}

function redactMessage(message: Json, context: RedactContext): Json {
  return typeof message !== 'string' || message === '' || isRedacted(message)
    ? message
    : redactWhole(message, 'secret', context);
}
