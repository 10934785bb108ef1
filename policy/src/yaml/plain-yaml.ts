/**
 * YAML of the plain kind, which nearly every manifest is written in, read in one pass: block and flow collections,
 * scalars of every style, comments, several documents. What has anchors, tags, merge keys, directives, tabs as blanks, or
 * anything that is not surely well-formed is not read at all: a complete parser reads it, and says what is wrong with it.
 * A text that is read here has the value that the complete parser gives it.
 */
import type { Json } from '@driftline/proto';
import { readBlockScalar } from './block-scalar.ts';
import { char, Cursor, endsLine, isBlank, NotPlain, notPlain, type PlainOptions } from './cursor.ts';
import { readFlow } from './flow.ts';
import { readQuoted } from './quoted.ts';

export type PlainDocument = {
  readonly value: Json;
  /** Where the text of the document begins, and where its content does. */
  readonly start: number;
  readonly contentStart: number;
};

/** Documents with content, or undefined when another reader is needed. */
export function readPlainYaml(text: string, options: PlainOptions): readonly PlainDocument[] | undefined {
  if (text.includes('\r') || text.charCodeAt(0) === char.percent) return undefined;
  try {
    return readDocuments(new Cursor(text, options));
  } catch (error) {
    // Deeper than the stack, the other reader says where.
    if (error instanceof NotPlain || error instanceof RangeError) return undefined;
    throw error;
  }
}

function readDocuments(cursor: Cursor): readonly PlainDocument[] {
  const documents: PlainDocument[] = [];
  // As if a line had ended just before the text.
  cursor.at = -1;
  for (let isFirst = true; ; isFirst = false) {
    const start = Math.max(cursor.at, 0);
    if (!isFirst || !cursor.toContent()) {
      if (cursor.at >= cursor.text.length) return documents;
      if (cursor.peek() === char.dot) notPlain();
      cursor.at += 3;
      cursor.endLine();
      if (!cursor.toContent()) {
        if (cursor.at >= cursor.text.length) return documents;
        continue;
      }
    }
    if (cursor.peek() === char.percent) notPlain();
    const contentStart = cursor.at;
    const value = readContent(cursor);
    if (value !== null) documents.push({ value, start, contentStart });
  }
}

/** The content of a document, and on to what comes behind it. */
function readContent(cursor: Cursor): Json {
  const code = cursor.peek();
  if (code === char.open || code === char.openBrace) {
    const value = readFlow(cursor, -1);
    cursor.endLine();
    if (cursor.toContent()) notPlain();
    return value;
  }
  const value = cursor.isDash() ? readSequence(cursor) : readMapping(cursor);
  if (cursor.at < cursor.text.length && !(cursor.column() === 0 && cursor.isMarker())) notPlain();
  return value;
}

/** From the first dash on; ends where another line of content begins, or at the end of the document. */
function readSequence(cursor: Cursor): Json {
  const list: Json[] = [];
  const column = cursor.column();
  for (;;) {
    cursor.at += 1;
    cursor.skipSpaces();
    let isMore: boolean;
    if (isLineOver(cursor)) {
      isMore = cursor.toContent();
      if (isMore && cursor.column() > column) {
        const offset = cursor.at;
        cursor.addItem(list, readBlock(cursor, column), offset);
        isMore = isAtContent(cursor);
      } else notPlain();
    } else {
      const offset = cursor.at;
      cursor.addItem(list, readBlock(cursor, column), offset);
      isMore = isAtContent(cursor);
    }
    if (!isMore || cursor.column() < column) return list;
    if (cursor.column() > column) notPlain();
    if (!cursor.isDash()) return list;
  }
}

/** From the first key on. */
function readMapping(cursor: Cursor): Json {
  const object: Record<string, Json> = {};
  const column = cursor.column();
  for (;;) {
    const offset = cursor.at;
    const key = readKey(cursor);
    if (key === undefined) return notPlain();
    const place = toMember(cursor, column);
    const at = cursor.at;
    cursor.setMember(object, key, readMember(cursor, column, place), { key: offset, value: at });
    if (!isAtContent(cursor) || cursor.column() < column) return object;
    if (cursor.column() > column || cursor.isDash()) notPlain();
  }
}

type MemberIs = 'inline' | 'below' | 'list' | 'nothing';

/** From behind the colon to where the value begins. */
function toMember(cursor: Cursor, column: number): MemberIs {
  cursor.skipSpaces();
  if (!isLineOver(cursor)) return cursor.isDash() ? notPlain() : 'inline';
  if (!cursor.toContent() || cursor.column() < column) return 'nothing';
  if (cursor.column() > column) return 'below';
  return cursor.isDash() ? 'list' : 'nothing';
}

function readMember(cursor: Cursor, column: number, place: MemberIs): Json {
  switch (place) {
    case 'inline':
      return readScalarOrFlow(cursor, column);
    case 'below':
      return readBlock(cursor, column);
    case 'list':
      return readSequence(cursor);
    case 'nothing':
      return null;
  }
}

/** A node of its own: a collection, or a scalar. */
function readBlock(cursor: Cursor, parent: number): Json {
  if (cursor.isDash()) return readSequence(cursor);
  const { at, lineStart } = cursor;
  if (readKey(cursor) !== undefined) {
    cursor.at = at;
    cursor.lineStart = lineStart;
    return readMapping(cursor);
  }
  cursor.at = at;
  cursor.lineStart = lineStart;
  return readScalarOrFlow(cursor, parent);
}

/** The key, when the line has one; then the cursor stands behind its colon. */
function readKey(cursor: Cursor): string | undefined {
  const code = cursor.peek();
  if (code === char.quote || code === char.apostrophe) {
    const { lineStart } = cursor;
    const key = readQuoted(cursor, -1);
    cursor.skipSpaces();
    if (cursor.peek() !== char.colon || cursor.lineStart !== lineStart) return undefined;
    cursor.at += 1;
    return isBlank(cursor.peek()) ? key : notPlain();
  }
  if (isIndicator(cursor)) return undefined;
  const from = cursor.at;
  const end = colonOf(cursor);
  if (end === undefined) return undefined;
  const key = cursor.text.slice(from, end).trimEnd();
  cursor.at = end + 1;
  return key.length <= maxKeyLength && cursor.plain(key) === key ? key : notPlain();
}

const maxKeyLength = 1_000;

/** The colon that ends a key without quotes. */
function colonOf({ text, at }: Cursor): number | undefined {
  for (let i = at; ; i += 1) {
    const code = text.charCodeAt(i);
    if (code === char.colon && isBlank(text.charCodeAt(i + 1))) return i;
    if (endsLine(code)) return undefined;
    if (code === char.hash && text.charCodeAt(i - 1) === char.space) return undefined;
    if (code === char.tab) notPlain();
  }
}

/** Begins something else than a text without quotes. */
function isIndicator(cursor: Cursor): boolean {
  switch (cursor.peek()) {
    case char.open:
    case char.openBrace:
    case char.pipe:
    case char.greater:
      return true;
    case char.close:
    case char.closeBrace:
    case char.comma:
    case char.ampersand:
    case char.asterisk:
    case char.exclamation:
    case char.percent:
    case char.at:
    case char.backtick:
    case char.question:
    case char.hash:
      return notPlain();
    case char.colon:
      return isBlank(cursor.peek(1)) ? notPlain() : false;
    default:
      return false;
  }
}

/** Ends where the next line of content begins, or at the end of the document. */
function readScalarOrFlow(cursor: Cursor, parent: number): Json {
  const code = cursor.peek();
  let value: Json;
  if (code === char.quote || code === char.apostrophe) {
    value = readQuoted(cursor, parent);
    cursor.endLine();
  } else if (code === char.open || code === char.openBrace) {
    value = readFlow(cursor, parent);
    cursor.endLine();
  } else if (code === char.pipe || code === char.greater) {
    value = readBlockScalar(cursor, parent);
  } else {
    isIndicator(cursor);
    value = cursor.plain(readPlainText(cursor, parent));
  }
  cursor.toContent();
  return value;
}

/** A text without quotes: the line, and those further in than `parent` that go on with it. Ends at the end of a line. */
function readPlainText(cursor: Cursor, parent: number): string {
  let text = readPlainLine(cursor);
  for (;;) {
    if (cursor.peek() === char.hash) {
      cursor.toLineEnd();
      return text;
    }
    const { at, lineStart } = cursor;
    const empty = emptyLines(cursor);
    const code = cursor.peek();
    if (Number.isNaN(code) || code === char.hash || cursor.column() <= parent) {
      cursor.at = at;
      cursor.lineStart = lineStart;
      return text;
    }
    if (code === char.tab) notPlain();
    text += empty === 0 ? ' ' : '\n'.repeat(empty);
    text += readPlainLine(cursor);
  }
}

/** On to the first line that is not empty; answers how many are. */
function emptyLines(cursor: Cursor): number {
  for (let empty = 0; ; empty += 1) {
    cursor.at += 1;
    cursor.lineStart = cursor.at;
    cursor.skipSpaces();
    if (cursor.peek() !== char.newline) return empty;
  }
}

/** Up to the end of the line, or to its comment. */
function readPlainLine(cursor: Cursor): string {
  const { text, at: from } = cursor;
  let end = from;
  for (let i = from; ; i += 1) {
    const code = text.charCodeAt(i);
    if (endsLine(code) || (code === char.hash && text.charCodeAt(i - 1) === char.space)) {
      cursor.at = i;
      return text.slice(from, end);
    }
    if (code === char.tab || (code === char.colon && isBlank(text.charCodeAt(i + 1)))) notPlain();
    if (code !== char.space) end = i + 1;
  }
}

/** Nothing but a comment is left of the line. */
function isLineOver(cursor: Cursor): boolean {
  const code = cursor.peek();
  if (endsLine(code)) return true;
  if (code === char.hash && cursor.peek(-1) === char.space) {
    cursor.toLineEnd();
    return true;
  }
  return false;
}

/** Behind a node: whether there is content, or the document is over. */
function isAtContent(cursor: Cursor): boolean {
  return cursor.at < cursor.text.length && !(cursor.column() === 0 && cursor.isMarker());
}
