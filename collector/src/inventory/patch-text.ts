/**
 * A patch on the text of an object instead of on the object: what does not change is copied, not written again. The text
 * is canonical (no whitespace, sorted keys), so places are found by skipping, and what is inserted has one right place.
 *
 * The result is a proposal: whoever asks compares its hash. undefined where skipping cannot be sure (keys with escapes,
 * operations on the whole document, anything unexpected).
 */
import { canonicalJson, parsePointer } from '@driftline/proto';
import type { PatchOperation } from '@driftline/proto';

const quote = 34;
const comma = 44;
const backslash = 92;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** A deeper path is left to those who count levels. */
const maxSegments = 64;
const listIndex = /^(?:0|[1-9]\d{0,9})$/;

/** One member of a container: where it begins (an object's: at its key), and its value. */
type Member = { readonly start: number; readonly valueStart: number; readonly valueEnd: number };

/** After the string that begins at `at`; -1 when it does not end. */
const endOfString = (text: string, at: number): number => {
  for (let i = at + 1; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) return i + 1;
    if (char === backslash) i += 1;
  }
  return -1;
};

const endOfContainer = (text: string, at: number): number => {
  let depth = 0;
  for (let i = at; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) {
      i = endOfString(text, i) - 1;
      if (i < 0) return -1;
    } else if (char === openBrace || char === openBracket) depth += 1;
    else if (char === closeBrace || char === closeBracket) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
};

const endOfValue = (text: string, at: number): number => {
  const first = text.charCodeAt(at);
  if (first === quote) return endOfString(text, at);
  if (first === openBrace || first === openBracket) return endOfContainer(text, at);
  for (let i = at; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === comma || char === closeBrace || char === closeBracket) return i > at ? i : -1;
  }
  return -1;
};

/** The member of the object at `at` with this key, which needs no escape; undefined when there is none. */
const memberOf = (text: string, at: number, key: string): Member | undefined => {
  let start = at + 1;
  while (text.charCodeAt(start) === quote) {
    const keyEnd = endOfString(text, start);
    if (keyEnd < 0) return undefined;
    const isIt = keyEnd - start - 2 === key.length && text.startsWith(key, start + 1);
    const valueEnd = endOfValue(text, keyEnd + 1);
    if (valueEnd < 0) return undefined;
    if (isIt) return { start, valueStart: keyEnd + 1, valueEnd };
    if (text.charCodeAt(valueEnd) !== comma) return undefined;
    start = valueEnd + 1;
  }
  return undefined;
};

const itemOf = (text: string, at: number, index: number): Member | undefined => {
  let start = at + 1;
  if (text.charCodeAt(start) === closeBracket) return undefined;
  for (let i = 0; ; i += 1) {
    const valueEnd = endOfValue(text, start);
    if (valueEnd < 0) return undefined;
    if (i === index) return { start, valueStart: start, valueEnd };
    if (text.charCodeAt(valueEnd) !== comma) return undefined;
    start = valueEnd + 1;
  }
};

const childOf = (text: string, at: number, segment: string): Member | undefined => {
  const first = text.charCodeAt(at);
  if (first === openBrace) return memberOf(text, at, segment);
  if (first !== openBracket || !listIndex.test(segment)) return undefined;
  return itemOf(text, at, Number(segment));
};

/** Puts `member` before what stands at `at`, which is another member or the end of its container. */
const putBefore = (text: string, at: number, member: string, isFirst: boolean): string => {
  const char = text.charCodeAt(at);
  const isLast = char === closeBrace || char === closeBracket;
  return `${text.slice(0, at)}${isLast && !isFirst ? ',' : ''}${member}${isLast ? '' : ','}${text.slice(at)}`;
};

/** The key is not there: it goes before the first that is greater. */
const addMember = (text: string, at: number, key: string, value: string): string | undefined => {
  let start = at + 1;
  while (text.charCodeAt(start) === quote) {
    const keyEnd = endOfString(text, start);
    const valueEnd = endOfValue(text, keyEnd + 1);
    if (keyEnd < 0 || valueEnd < 0) return undefined;
    const other = text.slice(start + 1, keyEnd - 1);
    if (other.includes('\\')) return undefined;
    if (other > key) break;
    start = text.charCodeAt(valueEnd) === comma ? valueEnd + 1 : valueEnd;
  }
  return putBefore(text, start, `"${key}":${value}`, start === at + 1);
};

const addItem = (text: string, at: number, segment: string, value: string): string | undefined => {
  const end = endOfContainer(text, at) - 1;
  if (end < 0) return undefined;
  if (segment === '-') return putBefore(text, end, value, end === at + 1);
  if (!listIndex.test(segment)) return undefined;
  const index = Number(segment);
  const there = itemOf(text, at, index);
  if (there !== undefined) return putBefore(text, there.start, value, false);
  const isNext = index === 0 ? end === at + 1 : itemOf(text, at, index - 1)?.valueEnd === end;
  return isNext ? putBefore(text, end, value, index === 0) : undefined;
};

const without = (text: string, { start, valueEnd }: Member): string => {
  if (text.charCodeAt(start - 1) === comma) return text.slice(0, start - 1) + text.slice(valueEnd);
  return text.slice(0, start) + text.slice(text.charCodeAt(valueEnd) === comma ? valueEnd + 1 : valueEnd);
};

const withValue = (text: string, { valueStart, valueEnd }: Member, value: string): string =>
  text.slice(0, valueStart) + value + text.slice(valueEnd);

const patchOne = (text: string, operation: PatchOperation): string | undefined => {
  const path = parsePointer(operation.path);
  const last = path.pop();
  if (last === undefined || path.length > maxSegments) return undefined;
  let at = 0;
  for (const segment of path) {
    const child = childOf(text, at, segment);
    if (child === undefined || canonicalJson(segment).length !== segment.length + 2) return undefined;
    at = child.valueStart;
  }
  if (canonicalJson(last).length !== last.length + 2) return undefined;
  const there = childOf(text, at, last);
  switch (operation.op) {
    case 'remove':
      return there && without(text, there);
    case 'replace':
      return there && withValue(text, there, canonicalJson(operation.value));
    case 'add': {
      const value = canonicalJson(operation.value);
      if (text.charCodeAt(at) === openBracket) return addItem(text, at, last, value);
      if (text.charCodeAt(at) !== openBrace) return undefined;
      return there === undefined ? addMember(text, at, last, value) : withValue(text, there, value);
    }
    case 'test':
    case 'move':
    case 'copy':
      return undefined;
  }
};

export const patchText = (text: string, operations: readonly PatchOperation[]): string | undefined => {
  let patched: string | undefined = text;
  for (const operation of operations) {
    patched = patchOne(patched, operation);
    if (patched === undefined) return undefined;
  }
  return patched;
};
