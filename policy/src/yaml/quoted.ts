/** Scalars in quotes, on one line or several. The cursor stands at the opening quote, and ends behind the closing one. */
import { char, type Cursor, notPlain } from './cursor.ts';

const simpleEscapes: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  N: '\x85',
  _: '\xa0',
  L: '\u2028',
  P: '\u2029',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
};

/** Continued lines stand further in than `parent`. */
export function readQuoted(cursor: Cursor, parent: number): string {
  return cursor.peek() === char.quote ? readDouble(cursor, parent) : readSingle(cursor, parent);
}

function readSingle(cursor: Cursor, parent: number): string {
  const { text } = cursor;
  const from = cursor.at + 1;
  let end = from;
  for (;;) {
    end = text.indexOf("'", end);
    if (end < 0) notPlain();
    if (text.charCodeAt(end + 1) !== char.apostrophe) break;
    end += 2;
  }
  const inside = text.slice(from, end);
  const folded = inside.includes('\n') ? fold(cursor, { inside, from, parent, escapes: false }) : inside;
  cursor.at = end + 1;
  return folded.includes("'") ? folded.replaceAll("''", "'") : folded;
}

function readDouble(cursor: Cursor, parent: number): string {
  const { text } = cursor;
  const from = cursor.at + 1;
  let end = from;
  let isEscaped = false;
  for (;;) {
    const code = text.charCodeAt(end);
    if (Number.isNaN(code)) notPlain();
    if (code === char.quote) break;
    if (code === char.backslash) {
      isEscaped = true;
      end += 1;
    }
    end += 1;
  }
  const inside = text.slice(from, end);
  const folded = inside.includes('\n') ? fold(cursor, { inside, from, parent, escapes: true }) : inside;
  cursor.at = end + 1;
  return isEscaped ? folded.replaceAll(/\\(?:([xuU])|([^]))/g, unescaped) : folded;
}

/** Escapes with digits are rare enough to be left to another reader. */
function unescaped(_all: string, digits: string | undefined, letter: string | undefined): string {
  const simple = letter === undefined || digits !== undefined ? undefined : simpleEscapes[letter];
  return simple ?? notPlain();
}

type Inside = {
  readonly inside: string;
  readonly from: number;
  readonly parent: number;
  /** Whether a backslash escapes. */
  readonly escapes: boolean;
};

/** Line breaks become spaces, empty lines become line breaks. */
function fold(cursor: Cursor, { inside, from, parent, escapes }: Inside): string {
  if (inside.includes('\t')) notPlain();
  const lines = inside.split('\n');
  let folded = '';
  let empty = 0;
  /** The break before this line is escaped. */
  let isJoined = false;
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    const indent = index === 0 ? 0 : line.search(/[^ ]|$/);
    const trimmed = isLast ? line.slice(indent) : line.slice(indent).replace(/ +$/, '');
    if (index > 0 && (trimmed !== '' || isLast)) {
      if (indent <= parent) notPlain();
      if (isJoined && empty > 0) notPlain();
      folded += isJoined ? '' : empty === 0 ? ' ' : '\n'.repeat(empty);
      empty = 0;
      isJoined = false;
    } else if (index > 0) empty += 1;
    if (escapes && !isLast && /(?:^|[^\\])(?:\\\\)*\\$/.test(trimmed)) {
      isJoined = true;
      folded += trimmed.slice(0, -1);
    } else folded += trimmed;
  }
  cursor.lineStart = from + inside.lastIndexOf('\n') + 1;
  return folded;
}
