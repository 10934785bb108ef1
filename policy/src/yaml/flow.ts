/** Collections in brackets, and JSON, which is the same. The cursor stands at the bracket, and ends behind the closing one. */
import type { Json } from '@driftline/proto';
import { char, type Cursor, endsLine, isBlank, notPlain } from './cursor.ts';
import { readQuoted } from './quoted.ts';

/** Continued lines stand further in than `parent`. */
export function readFlow(cursor: Cursor, parent: number): Json {
  return cursor.peek() === char.open ? readList(cursor, parent) : readObject(cursor, parent);
}

function readList(cursor: Cursor, parent: number): Json {
  const list: Json[] = [];
  cursor.at += 1;
  for (;;) {
    skip(cursor, parent);
    if (cursor.peek() === char.close) break;
    const offset = cursor.at;
    cursor.addItem(list, readValue(cursor, parent), offset);
    skip(cursor, parent);
    if (cursor.peek() === char.close) break;
    if (cursor.peek() !== char.comma) notPlain();
    cursor.at += 1;
  }
  cursor.at += 1;
  return list;
}

function readObject(cursor: Cursor, parent: number): Json {
  const object: Record<string, Json> = {};
  cursor.at += 1;
  for (;;) {
    skip(cursor, parent);
    if (cursor.peek() === char.closeBrace) break;
    const offset = cursor.at;
    const isQuoted = cursor.peek() === char.quote || cursor.peek() === char.apostrophe;
    const key = isQuoted ? readQuoted(cursor, parent) : readPlainKey(cursor);
    if (cursor.peek() !== char.colon || (!isQuoted && !isBlank(cursor.peek(1)))) notPlain();
    cursor.at += 1;
    skip(cursor, parent);
    const code = cursor.peek();
    if (code === char.comma || code === char.closeBrace) notPlain();
    const at = cursor.at;
    cursor.setMember(object, key, readValue(cursor, parent), { key: offset, value: at });
    skip(cursor, parent);
    if (cursor.peek() === char.closeBrace) break;
    if (cursor.peek() !== char.comma) notPlain();
    cursor.at += 1;
  }
  cursor.at += 1;
  return object;
}

function readValue(cursor: Cursor, parent: number): Json {
  switch (cursor.peek()) {
    case char.open:
    case char.openBrace:
      return readFlow(cursor, parent);
    case char.quote:
    case char.apostrophe:
      return readQuoted(cursor, parent);
    default:
      return cursor.plain(readPlain(cursor));
  }
}

const starters = /^[A-Za-z0-9_/.$(~]$/;

/** One line, without anything that could be read in two ways. */
function readPlain(cursor: Cursor): string {
  const from = cursor.at;
  const first = cursor.text[from] ?? '';
  if (!starters.test(first) && !(/[-:]/.test(first) && isPlainAfterSign(cursor.peek(1)))) notPlain();
  for (;;) {
    const code = cursor.peek();
    if (code === char.comma || code === char.close || code === char.closeBrace || endsLine(code)) break;
    if (code === char.tab || code === char.open || code === char.openBrace) notPlain();
    if (code === char.hash || (code === char.colon && !isPlainAfterSign(cursor.peek(1)))) notPlain();
    cursor.at += 1;
  }
  return cursor.text.slice(from, cursor.at).trimEnd();
}

function isPlainAfterSign(code: number): boolean {
  return !isBlank(code) && code !== char.comma && code !== char.close && code !== char.closeBrace && code !== char.tab;
}

function readPlainKey(cursor: Cursor): string {
  const from = cursor.at;
  if (!starters.test(cursor.text[from] ?? '')) notPlain();
  for (let code = cursor.peek(); code !== char.colon; code = cursor.peek()) {
    if (!/^[A-Za-z0-9_/.$()-]$/.test(String.fromCharCode(code))) notPlain();
    cursor.at += 1;
  }
  const key = cursor.text.slice(from, cursor.at);
  return cursor.plain(key) === key ? key : notPlain();
}

/** Over blanks, line breaks and comments. */
function skip(cursor: Cursor, parent: number): void {
  cursor.skipSpaces();
  while (endsLine(cursor.peek()) || cursor.peek() === char.hash) {
    if (cursor.peek() === char.hash) notPlain();
    if (!cursor.toContent() || cursor.column() <= parent) notPlain();
  }
  if (cursor.peek() === char.tab) notPlain();
}
