import { ProtocolError } from './error.ts';
import { maxJsonDepth } from './limits.ts';
import type { Json, JsonObject, Sha256 } from './message.ts';

/**
 * The one text of a JSON value: keys sorted by UTF-16 code unit, no whitespace, strings and numbers as JSON.stringify
 * writes them (lone surrogates escaped, -0 as 0), `undefined` members dropped. Two values have the same text exactly
 * when they are equal as JSON. Integers beyond 2^53 have already lost digits in JSON.parse: see PROTOCOL.md.
 *
 * Throws ProtocolError 'too-deep' beyond maxJsonDepth.
 */
export function canonicalJson(value: Json): string {
  return write(value, 0);
}

/** Content hash of a canonical text: lower-case hex of its SHA-256. */
export function contentHash(canonical: string, sha256: Sha256): string {
  return sha256(canonical);
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

function write(value: Json | undefined, depth: number): string {
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value === 0 ? 0 : value) : 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object' || value === null) return 'null';
  if (depth >= maxJsonDepth) throw new ProtocolError('too-deep', `JSON is nested deeper than ${maxJsonDepth} levels`);
  return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value as JsonObject, depth + 1);
}

function writeArray(items: readonly Json[], depth: number): string {
  let text = '[';
  for (let i = 0; i < items.length; i++) text += i === 0 ? write(items[i], depth) : `,${write(items[i], depth)}`;
  return `${text}]`;
}

function writeObject(object: JsonObject, depth: number): string {
  let text = '';
  for (const key of sortedKeys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const { first, next } = writeKey(key);
    text = text === '' ? first : text + next;
    text += write(value, depth);
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Most strings need no escape: looking is cheaper than having them written. */
function writeString(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** What stands before a member's value: where it is the first of its object, and where another one is before it. */
type WrittenKey = { readonly first: string; readonly next: string };

/** Names of members as written: the same ones come in object after object. Never holds a value. */
const writtenKeys = new Map<string, WrittenKey>();
const maxWrittenKeys = 8192;
const maxWrittenKeyLength = 128;
const maxInsertedKeys = 24;

function writeKey(key: string): WrittenKey {
  const known = writtenKeys.get(key);
  if (known !== undefined) return known;
  const name = writeString(key);
  const written = { first: `{${name}:`, next: `,${name}:` };
  if (key.length <= maxWrittenKeyLength) {
    if (writtenKeys.size >= maxWrittenKeys) writtenKeys.clear();
    writtenKeys.set(key, written);
  }
  return written;
}

/** Of a few names in about this order already, as objects have them: sort() makes three copies of a list. */
function sortedKeys(object: JsonObject): readonly string[] {
  const keys = Object.keys(object);
  if (keys.length > maxInsertedKeys) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] ?? '';
    let at = i;
    for (; at > 0 && (keys[at - 1] ?? '') > key; at--) keys[at] = keys[at - 1] ?? '';
    keys[at] = key;
  }
  return keys;
}
