/** Secrets: every value of data and stringData, whatever its name or form. */
import { isJsonArray, isJsonObject, mapItems, mapMembers } from '../json.ts';
import type { Json } from '../message.ts';
import { decodeBase64Text } from './base64.ts';
import { isRedacted } from './marker.ts';
import { redactWhole, type RedactContext } from './text.ts';

/** Members of a Secret that hold its values. */
export function isSecretMember(key: string): boolean {
  return key === 'data' || key === 'stringData';
}

/**
 * `value` with a marker for each scalar in it; null stays (a merge patch removes a key with it). Of `data` the digest
 * is that of the decoded text, so that it equals the digest of the same secret pasted somewhere else.
 */
export function redactSecretValues(value: Json, isEncoded: boolean, context: RedactContext): Json {
  if (value === null || value === '') return value;
  if (typeof value === 'string') {
    if (isRedacted(value)) return value;
    return redactWhole((isEncoded ? decodeBase64Text(value) : undefined) ?? value, 'secret', context);
  }
  if (isJsonArray(value)) return mapItems(value, (item) => redactSecretValues(item, isEncoded, context));
  if (isJsonObject(value)) return mapMembers(value, (item) => redactSecretValues(item, isEncoded, context));
  return redactWhole(String(value), 'secret', context);
}
