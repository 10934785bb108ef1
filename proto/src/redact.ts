/**
 * Redaction at the edge: what leaves here holds no secret value, and nothing before it may be stored, sent or logged.
 * A secret becomes `redacted(<class>):<22 base64url characters>`, where the characters are a keyed digest: equal secrets
 * stay equal, changed ones look changed, and nobody without the cluster's key can try values. PROTOCOL.md says what
 * counts as a secret and what is known not to be found.
 *
 * Pure: input is never written to, and what holds no secret is returned as the same reference. Idempotent: a second
 * redaction changes nothing. Linear in the size of the input. Throws ProtocolError 'too-deep' beyond maxJsonDepth.
 */
import { ProtocolError } from './error.ts';
import type { Hmac, JsonObject } from './message.ts';
import { redactAuditEvent } from './redact/audit.ts';
import { redactValue } from './redact/object.ts';
import type { RedactContext } from './redact/text.ts';

export { isRedacted, mayHoldMarker } from './redact/marker.ts';

/** A Kubernetes object of any kind. */
export function redact(object: JsonObject, hmac: Hmac): JsonObject {
  return settle(object, hmac, (input, context) => redactValue(input, context) as JsonObject);
}

/** An audit.k8s.io Event: the same, with request parameters, patch bodies and the bodies of Secrets. */
export function redactAudit(event: JsonObject, hmac: Hmac): JsonObject {
  return settle(event, hmac, redactAuditEvent);
}

type Pass = (object: JsonObject, context: RedactContext) => JsonObject;

/** Passes until one changes nothing. A replaced secret can bring its neighbours to light, seldom more than once. */
const maxPasses = 8;

function settle(object: JsonObject, hmac: Hmac, pass: Pass): JsonObject {
  let findsSecretKeys = false;
  let current = object;
  for (let i = 0; i < maxPasses; i++) {
    const context: RedactContext = { hmac, findsSecretKeys, sawAccessKeyId: false };
    const next = pass(current, context);
    findsSecretKeys ||= context.sawAccessKeyId;
    if (next === current) return current;
    current = next;
  }
  throw new ProtocolError('undecodable', `redaction did not settle after ${maxPasses} passes`);
}
