/** Where the value of a name stands in a text, for the notations that configuration and scripts use. */
import { isDescriptive, isSecretMap } from './name.ts';

/** A name as it stands in a text. */
export type NameHit = { readonly name: string; readonly start: number; readonly end: number };

export type Found = {
  readonly start: number;
  readonly end: number;
  /** More names may stand inside or right behind it: the search goes on there. */
  readonly isOpen?: boolean;
};

const none: readonly Found[] = [];
const maxLookBack = 128;

/** Between a name and its value: closing quote or bracket of the name, `:` `=` `:=` `=>` `:-`. */
const separator = /\\*["'`]?\]?[ \t]*(?:=>|:=|:-|:|=(?!=))[ \t]*/y;
const flagSpace = /[ \t]+(?!-)/y;
const quoteSpace = /[ \t]+(?=["'])/y;
const callSeparator = /["'][ \t]*,[ \t]*(?=["'])/y;
const headerSpace = /["']?[ \t]+/y;
const tagEnd = />/y;
const pairedValue =
  /\\*["']?(?:<\/[\w.:-]{1,64}>)?[\s,;]{0,256}(?:\/\/[^\n]*\n\s{0,256})?[<\\]*["']?(?:value|val)\\*["']?(?:[ \t]*[:=][ \t]*|>)/y;
const pairedName = /(?:^|[\s{,<("'-])(?:name|key|id|field|header|property)\\*["']?(?:\s{0,8}[:=]\s{0,8}|>)\\*["']?$/;

/** The values that the name at `hit` announces; empty when the name stands there for itself. */
export function valueAfter(text: string, hit: NameHit): readonly Found[] {
  const before = text.slice(Math.max(0, hit.start - maxLookBack), hit.start);
  const isFlag = before.endsWith('-');
  const next = matchEnd(separator, text, hit.end);
  if (next !== -1) return assigned(text, hit, before, next);
  if (before.endsWith('<')) {
    const content = matchEnd(tagEnd, text, hit.end);
    if (content !== -1) return upTo(text, content, /[<]/g);
  }
  if (pairedName.test(before)) {
    const value = matchEnd(pairedValue, text, hit.end);
    if (value !== -1) return literal(text, value, text.charCodeAt(value - 1) === 62 ? /[<]/g : /[\n\r,}]/g);
  }
  if (isFlag) {
    const value = matchEnd(flagSpace, text, hit.end);
    return value === -1 ? none : literal(text, value, shellEnd);
  }
  return directive(text, hit, before);
}

const shellEnd = /[\s;&|"'`)}]/g;
const lineEnd = /[\n\r]/g;
const itemEnd = /[,}\])\n\r]/g;
/** A flag that is a text of its own is one argument: its value may hold spaces, but not the next flag. */
const argumentEnd = /[ \t](?=-)|[\n\r]/g;

/** A value behind a separator. What ends it depends on what the name stands in. */
function assigned(text: string, hit: NameHit, before: string, start: number): readonly Found[] {
  const code = text.charCodeAt(start);
  if (Number.isNaN(code)) return none;
  const isColon = text.slice(hit.end, start).includes(':');
  if (code === 10 || code === 13) {
    if (!isColon) return none;
    const block = blockBelow(text, hit, start);
    return block.length === 0 && isSecretMap(hit.name) ? mapBelow(text, hit, start) : block;
  }
  if (
    isColon &&
    (code === 124 || code === 62) &&
    /^[|>][-+\d]{0,2}[ \t]*(?:#[^\n]*)?\r?\n/.test(text.slice(start, start + 256))
  ) {
    return blockBelow(text, hit, text.indexOf('\n', start));
  }
  if (code === 91) return listItems(text, start);
  if (code === 123 && text.charCodeAt(start + 1) !== 123) return none;
  if (text.slice(hit.end, start).includes(':-')) return literal(text, start, /[}\n]/g);
  return literal(text, start, endOf(text, hit, before));
}

/** What ends an unquoted value, judged by the character before the name. */
function endOf(text: string, hit: NameHit, before: string): RegExp {
  if (/["'`\\]/.test(text[hit.end] ?? '')) return itemEnd;
  const last = before.at(-1) ?? '\n';
  if (last === '-') return /^\s*-+$/.test(before) && before.length === hit.start ? argumentEnd : shellEnd;
  if (last === '?' || last === '&') return /[&#\s"'<>`\\]/g;
  if (last === ';') return /[;"'\n\r]/g;
  if (last === '"') return /["\n]/g;
  if (last === "'") return /['\n]/g;
  if (last === '`') return /[`\n]/g;
  if ('{,[('.includes(last) || /[{,][ \t]+$/.test(before)) return itemEnd;
  if (/(?:^|[\n\r])[ \t]*(?:-[ \t]+)?$/.test(before)) return lineEnd;
  return shellEnd;
}

/** A quoted text without its quotes, or an unquoted one up to what ends it, without spaces around. */
function literal(text: string, start: number, end: RegExp): readonly Found[] {
  const quoted = quotedText(text, start);
  return quoted === undefined ? upTo(text, start, end) : [quoted];
}

function upTo(text: string, start: number, end: RegExp): readonly Found[] {
  end.lastIndex = start;
  let stop = end.exec(text)?.index ?? text.length;
  while (stop > start && isSpace(text.charCodeAt(stop - 1))) stop--;
  let begin = start;
  while (begin < stop && isSpace(text.charCodeAt(begin))) begin++;
  return stop > begin ? [{ start: begin, end: stop }] : none;
}

/** `"…"`, `'…'`, `` `…` ``, and the same with backslashes before the quotes (a text inside a text). */
function quotedText(text: string, start: number): Found | undefined {
  const opening = /^\\{0,7}["'`]/.exec(text.slice(start, start + 8))?.[0];
  if (opening === undefined) return undefined;
  const from = start + opening.length;
  const close = opening.length === 1 ? closingQuote(text, from, opening) : text.indexOf(opening, from);
  if (close !== -1) return { start: from, end: close };
  const newline = text.indexOf('\n', from);
  return { start: from, end: newline === -1 ? text.length : newline };
}

function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0 || quote === "'") return at;
  }
  return -1;
}

/** `[a, "b"]`: the items, up to the bracket or the end of the line. */
function listItems(text: string, start: number): readonly Found[] {
  const items: Found[] = [];
  let at = start + 1;
  while (at < text.length) {
    while (isSpace(text.charCodeAt(at)) || text.charCodeAt(at) === 44) at++;
    const code = text.charCodeAt(at);
    if (code === 93 || code === 123) break;
    const item = literal(text, at, /[,\]\n]/g)[0];
    if (item === undefined) break;
    items.push(item);
    at = /["'`\\]/.test(text[item.end] ?? '') ? item.end + 1 : item.end;
    while (/["'`\\]/.test(text[at] ?? '')) at++;
  }
  return items;
}

/**
 * YAML: what stands below the name, deeper than it: a block scalar, a folded plain scalar, or the plain items of a
 * list. A mapping there is none: its names are looked at one by one.
 */
function blockBelow(text: string, hit: NameHit, newline: number): readonly Found[] {
  const isBlockScalar = /[|>][-+\d]{0,2}[ \t]*(?:#[^\n]*)?\r?$/.test(
    text.slice(Math.max(hit.end, newline - 256), newline),
  );
  const indent = indentOf(text, hit.start);
  let start = -1;
  let end = -1;
  const items: Found[] = [];
  for (let line = newline + 1; line < text.length; ) {
    const next = text.indexOf('\n', line);
    const lineStop = next === -1 ? text.length : next;
    let first = line;
    while (first < lineStop && isSpace(text.charCodeAt(first))) first++;
    const isBlank = first === lineStop;
    const isItem = !isBlockScalar && text.charCodeAt(first) === 45 && isSpace(text.charCodeAt(first + 1));
    if (!isBlank && first - line <= indent && !(isItem && first - line === indent)) break;
    if (!isBlank && !isBlockScalar && !isItem && (isMapping(text, first, lineStop) || items.length > 0)) break;
    if (isItem) {
      if (start !== -1 || isMapping(text, first, lineStop)) break;
      for (const item of literal(text, first + 2, lineEnd)) items.push(item);
    } else if (!isBlank) {
      if (start === -1) start = first;
      end = lineStop;
    }
    line = lineStop + 1;
  }
  if (items.length > 0) return items;
  return start === -1 ? none : [trimmed(text, start, end)];
}

const maxMapLines = 64;
const mapLine = /^[ \t]*["']?(?<key>[\w./-]{1,128})["']?[ \t]*:[ \t]+(?<value>\S)/d;

/** YAML: the values of a map from names to secrets (`tokens:` with `ci: x` below). What is deeper is looked at anyway. */
function mapBelow(text: string, hit: NameHit, newline: number): readonly Found[] {
  const indent = indentOf(text, hit.start);
  const found: Found[] = [];
  let line = newline + 1;
  for (let count = 0; count < maxMapLines && line < text.length; count++) {
    const next = text.indexOf('\n', line);
    const lineStop = next === -1 ? text.length : next;
    const head = text.slice(line, Math.min(lineStop, line + 256));
    const first = head.search(/\S/);
    if (first !== -1 && first <= indent) break;
    const match = mapLine.exec(head);
    const value = match?.indices?.groups?.['value']?.[0];
    if (value !== undefined && !isDescriptive(match?.groups?.['key'] ?? '') && !/[|>&*{[#]/.test(head[value] ?? '')) {
      for (const part of literal(text, line + value, lineEnd)) found.push({ ...part, isOpen: true });
    }
    line = lineStop + 1;
  }
  return found;
}

function trimmed(text: string, start: number, end: number): Found {
  let stop = end;
  while (stop > start && isSpace(text.charCodeAt(stop - 1))) stop--;
  return { start, end: stop };
}

function isMapping(text: string, start: number, end: number): boolean {
  return /^[-\s]*["']?[\w./-]+["']?[ \t]*:(?:\s|$)/.test(text.slice(start, Math.min(end, start + 256)));
}

/** Spaces before the first character of the name's line; a leading `- ` counts as spaces. */
function indentOf(text: string, index: number): number {
  const before = text.slice(Math.max(0, index - 1024), index);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return /^[ \t]*(?:-[ \t]+)*/.exec(line)?.[0].length ?? 0;
}

/**
 * Names that a comma or a space separates from their value: `define('PASSWORD', 'x')`, `set_header X-Api-Key x;`, `IDENTIFIED BY`-like quotes (`PASSWORD 'x'`), .netrc, and a
 * line of two words (`requirepass x`), unless it reads like prose.
 */
function directive(text: string, hit: NameHit, before: string): readonly Found[] {
  const argument = /\(["']$/.test(before) ? matchEnd(callSeparator, text, hit.end) : -1;
  if (argument !== -1) return literal(text, argument, lineEnd);
  const header = /(?:_header|_param|[Ss]et[Ee]nv)[ \t]+["']?$/.test(before) ? matchEnd(headerSpace, text, hit.end) : -1;
  if (header !== -1) return literal(text, header, /[;\n\r]/g);
  const quoted = matchEnd(quoteSpace, text, hit.end);
  if (quoted !== -1) return literal(text, quoted, lineEnd);
  if (!isSpace(text.charCodeAt(hit.end)) || text.charCodeAt(hit.end) === 10) return none;
  const isNetrc = hit.name === 'password' && /(?:login|user)[ \t\n]+\S{1,100}[ \t\n]+$/.test(before);
  if (isNetrc) return upTo(text, hit.end + 1, /(?<=\S)\s/g);
  if (!/(?:^|[\n\r])[ \t]*$/.test(before)) return none;
  const line = /^[ \t]+(\S{1,4096})[ \t]*(?:[\r\n]|$)/.exec(text.slice(hit.end, hit.end + 4200));
  const word = line?.[1];
  if (word === undefined || (!/pass|auth$/i.test(hit.name) && /^[A-Za-z]+[.,;:)]?$/.test(word))) return none;
  const start = text.indexOf(word, hit.end + 1);
  return [{ start, end: start + word.length }];
}

function matchEnd(pattern: RegExp, text: string, index: number): number {
  pattern.lastIndex = index;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}
