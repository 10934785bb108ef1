/**
 * Credentials in files, by the same detectors that keep secrets in a cluster. What leaves here holds markers instead of
 * secrets, and the markers say the class only: their digests are keyed by what is forgotten when the scan ends.
 */
import { createHmac, randomBytes } from 'node:crypto';
import {
  fieldPath,
  isJsonArray,
  isJsonObject,
  isRedacted,
  itemPath,
  type Json,
  type JsonObject,
  ownValue,
  redact,
} from '@driftline/proto';
import type { Credential } from './finding.ts';

const digestLength = 22;

export type Redactor = {
  /** The object without its secrets. Throws ProtocolError 'too-deep'. */
  withoutSecrets(object: JsonObject): JsonObject;
  /** Text such as an error message of another program. */
  text(text: string): string;
};

export function createRedactor(): Redactor {
  const key = randomBytes(32);
  const hmac = (text: string) => createHmac('sha256', key).update(text).digest('base64url').slice(0, digestLength);
  return {
    withoutSecrets: (object) => redact(object, hmac),
    text(text) {
      const redacted = redact({ text }, hmac)['text'];
      return typeof redacted === 'string' ? withoutDigests(redacted) : '';
    },
  };
}

/** `redacted(password)` instead of a marker with its digest, which differs from scan to scan. */
export function withoutDigests(text: string): string {
  return text.replace(/(redacted\([a-z0-9-]+\)):[A-Za-z0-9_-]{22}/g, '$1');
}

/** Where the redacted value differs from what was read, deepest fields first come first served. */
export function credentialsIn(read: Json, redacted: Json): readonly Credential[] {
  const found: Credential[] = [];
  compare('', read, redacted, found);
  return found;
}

function compare(path: string, read: Json, redacted: Json, found: Credential[]): void {
  if (read === redacted) return;
  if (isJsonObject(read) && isJsonObject(redacted)) {
    for (const key of Object.keys(read))
      compare(fieldPath(path, key), ownValue(read, key) ?? null, ownValue(redacted, key) ?? null, found);
  } else if (isJsonArray(read) && isJsonArray(redacted)) {
    const names = namesOf(read);
    read.forEach((item, index) =>
      compare(itemPath(path, names?.[index] ?? index), item, redacted[index] ?? null, found),
    );
  } else {
    found.push({ path, looksLike: classOf(redacted) });
  }
}

/** Unique names of a list's items, as field paths use them. */
function namesOf(items: readonly Json[]): readonly string[] | undefined {
  const names = items.map((item) => (isJsonObject(item) ? ownValue(item, 'name') : undefined));
  return names.every((name): name is string => typeof name === 'string') && new Set(names).size === names.length
    ? names
    : undefined;
}

function classOf(redacted: Json): string {
  const text = typeof redacted === 'string' ? redacted : '';
  const [, secretClass = 'secret'] = /redacted\(([a-z0-9-]+)\)/.exec(text) ?? [];
  return isRedacted(text) ? secretClass : `${secretClass} inside`;
}
