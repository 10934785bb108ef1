/** Redaction of whole JSON values: names, kinds and pairs decide where text alone cannot. */
import { canonicalJson } from '../canonical.ts';
import { ProtocolError } from '../error.ts';
import { isJsonArray, isJsonObject, mapItems, mapMembers, ownValue } from '../json.ts';
import { maxJsonDepth } from '../limits.ts';
import type { Json, JsonObject } from '../message.ts';
import { redactArguments } from './arguments.ts';
import { decodeBase64Text, isPrintable, looksEncoded } from './base64.ts';
import { redactBinary } from './binary.ts';
import { isRedacted } from './marker.ts';
import { classifyName, isDescriptive, isSecretMap, isStructuredFile, type NameClass } from './name.ts';
import { pairedName } from './pair.ts';
import { isSecretMember, redactSecretValues } from './secret-object.ts';
import { mayHoldSecret, redactText, redactWhole, type RedactContext } from './text.ts';
import { isSecretNumber, isSecretText } from './value.ts';

/** What the walk knows about the value at hand. */
type Place = {
  readonly context: RedactContext;
  readonly depth: number;
  /** JSON inside a text inside JSON …: how often. */
  readonly nesting: number;
  /** The name that speaks for the value, and its class. */
  readonly name: string;
  readonly nameClass: NameClass | undefined;
};

/** Deeper JSON in texts is read as plain text. */
const maxNesting = 4;
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Members that hold the value when their parent's name says what it is: `password: {value: x}`. */
const valueMembers: ReadonlySet<string> = new Set(
  'value values plain plaintext plainText inline inlineString literal content contents data string stringData text raw default'.split(
    ' ',
  ),
);

/** The value without its secrets; the same reference when there are none. Throws 'too-deep'. */
export function redactValue(value: Json, context: RedactContext): Json {
  return walk(value, { context, depth: 0, nesting: 0, name: '', nameClass: undefined });
}

/** The object as a Secret, whatever its kind says. */
export function redactAsSecret(object: JsonObject, context: RedactContext): JsonObject {
  return walkObject(object, { context, depth: 0, nesting: 0, name: '', nameClass: undefined }, true);
}

function walk(value: Json, place: Place): Json {
  if (typeof value === 'string') return redactString(value, place);
  if (typeof value === 'number') return redactNumber(value, place);
  if (typeof value !== 'object' || value === null) return value;
  if (place.depth >= maxJsonDepth) {
    throw new ProtocolError('too-deep', `JSON is nested deeper than ${maxJsonDepth} levels`);
  }
  return isJsonArray(value)
    ? walkArray(value, place)
    : walkObject(value as JsonObject, place, isSecretKind(value as JsonObject));
}

function isSecretKind(object: JsonObject): boolean {
  return object['kind'] === 'Secret';
}

function walkObject(object: JsonObject, place: Place, isSecret: boolean): JsonObject {
  return mapMembers(object, (value, key) =>
    isSecret && isSecretMember(key)
      ? redactSecretValues(value, key === 'data', place.context)
      : walkMember(object, key, value, place),
  );
}

function walkMember(object: JsonObject, key: string, value: Json, place: Place): Json {
  if (typeof value === 'boolean' || value === null) return value;
  if (key === lastApplied && typeof value === 'string') return redactLastApplied(value, place);
  if (isJsonObject(value) && key === 'binaryData') return redactBinary(value, place.context);
  if (isJsonArray(value)) {
    if (key === 'args' || key === 'command') return redactList(value, commandOf(object, key), place);
    if (key === 'items' && object['kind'] === 'SecretList') return redactSecretItems(value, place);
  }
  let name = key;
  let nameClass = classifyName(key);
  if (nameClass === undefined || nameClass.isWeak) {
    const pair = pairedName(object, key);
    if (pair !== undefined) {
      name = pair;
      nameClass = classifyName(pair) ?? nameClass;
    } else if (place.nameClass !== undefined && isValueMember(key, place.name)) {
      ({ name, nameClass } = place);
    }
  }
  if (typeof value === 'string' && nameClass === undefined && !mayNeedLook(value, place.context)) return value;
  return walk(value, { context: place.context, depth: place.depth + 1, nesting: place.nesting, name, nameClass });
}

/** A text of which a quick look says that nothing is in it. */
function mayNeedLook(value: string, context: RedactContext): boolean {
  const first = value.charCodeAt(0);
  return first === 123 || first === 91 || first <= 32 || looksEncoded(value) || mayHoldSecret(value, context);
}

/** Whether a member holds what its parent's name says: `password: {value: x}`, `tokens: {ci: x}`. */
function isValueMember(key: string, parent: string): boolean {
  return valueMembers.has(key) || (isSecretMap(parent) && !isDescriptive(key));
}

function walkArray(items: readonly Json[], place: Place): readonly Json[] {
  if (place.nameClass === undefined && items.some((item) => typeof item === 'string' && item.startsWith('-'))) {
    return redactList(items, '', place);
  }
  const inner = { ...place, depth: place.depth + 1 };
  return mapItems(items, (item) => walk(item, inner));
}

/** Arguments; whatever else stands among them is walked. */
function redactList(items: readonly Json[], command: string, place: Place): readonly Json[] {
  const inner: Place = { ...place, depth: place.depth + 1, name: '', nameClass: undefined };
  return redactArguments(items, { command, context: place.context, otherwise: (item) => walk(item, inner) });
}

/** Items of a SecretList carry no kind of their own. */
function redactSecretItems(items: readonly Json[], place: Place): Json {
  const inner = { ...place, depth: place.depth + 1 };
  return mapItems(items, (item) => (isJsonObject(item) ? walkObject(item, inner, true) : walk(item, inner)));
}

/** What stands before a container's arguments: its command. */
function commandOf(container: JsonObject, key: string): string {
  const command = key === 'args' ? ownValue(container, 'command') : undefined;
  return isJsonArray(command)
    ? command
        .filter((item) => typeof item === 'string')
        .join(' ')
        .slice(-200)
    : '';
}

function redactNumber(value: number, place: Place): Json {
  const { nameClass, name, context } = place;
  if (nameClass === undefined || !isSecretNumber(String(value), name, nameClass)) return value;
  return redactWhole(String(value), nameClass.secretClass, context);
}

function redactString(value: string, place: Place): string {
  const { nameClass, name, context } = place;
  if (nameClass === undefined || !isSecretText(value, name, nameClass)) return redactContent(value, place);
  if (isStructuredFile(name)) {
    const redacted = redactContent(value, place);
    if (redacted !== value || value.includes('redacted(')) return redacted;
  }
  return redactWhole(value, nameClass.secretClass, context);
}

/** A text whose name says nothing: JSON is walked, anything else scanned. */
function redactContent(value: string, place: Place): string {
  const isNested = place.nesting < maxNesting;
  if (isNested && looksEncoded(value)) return redactEncoded(value, place);
  const inside = isNested ? parseContainer(value) : undefined;
  if (inside === undefined) return redactText(value, place.context);
  const redacted = walkInside(inside, place);
  if (redacted === undefined) return redactWhole(value, 'unreadable', place.context);
  // Of a repeated key the parser keeps only the last value: the text is scanned too.
  return redacted === inside ? redactText(value, place.context) : canonicalJson(redacted);
}

/** Base64 of a text that holds a secret is redacted as a whole. */
function redactEncoded(value: string, place: Place): string {
  const decoded = decodeBase64Text(value);
  const isText = decoded !== undefined && decoded.length > 0 && isPrintable(decoded);
  const holdsSecret = isText && redactContent(decoded, { ...place, nesting: place.nesting + 1 }) !== decoded;
  return holdsSecret ? redactWhole(value, 'encoded', place.context) : redactText(value, place.context);
}

/** The applied object as kubectl saw it, in canonical form. What is no JSON object is not trusted at all. */
function redactLastApplied(value: string, place: Place): string {
  const inside = parseContainer(value);
  const redacted = inside === undefined ? undefined : walkInside(inside, place, true);
  if (redacted !== undefined) return canonicalJson(redacted);
  return value === '' || isRedacted(value) ? value : redactWhole(value, 'unreadable', place.context);
}

/** Undefined: nested too deep to be looked through. */
function walkInside(inside: Json, place: Place, isApplied = false): Json | undefined {
  const { context, depth, nesting } = place;
  try {
    const within: Place = { context, depth: depth + 1, nesting: nesting + 1, name: '', nameClass: undefined };
    // An applied configuration that does not say its kind may be a Secret's: it is taken for one.
    const isUnnamed = isApplied && isJsonObject(inside) && typeof inside['kind'] !== 'string';
    return isUnnamed ? walkObject(inside, within, true) : walk(inside, within);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'too-deep') return undefined;
    throw error;
  }
}

/** The object or list that a text holds as JSON, or undefined. */
function parseContainer(text: string): Json | undefined {
  let first = 0;
  while (first < text.length && text.charCodeAt(first) <= 32) first++;
  const code = text.charCodeAt(first);
  if (code !== 123 && code !== 91) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
