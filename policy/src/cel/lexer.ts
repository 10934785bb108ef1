import { SourceError } from './error.ts';
import { readQuoted } from './string-literal.ts';

export type Token = {
  readonly type: 'ident' | 'quoted-ident' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'op' | 'end';
  /** The name, operator or digits as written; for string the decoded text. */
  readonly text: string;
  readonly bytes?: Uint8Array;
  readonly start: number;
  readonly end: number;
};

const space = /[ \t\r\n\f]+|\/\/[^\n]*/y;
const number = /0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const quotedName = /`([A-Za-z0-9_.\-/ ]+)`/y;
const stringStart = /[bB]?[rR]?(?:"""|'''|"|')/y;
const operator = /&&|\|\||[=!<>]=|[-+*/%<>!?:.,()[\]{}]/y;

function at(pattern: RegExp, source: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(source)?.[0];
}

function numberToken(text: string, start: number): Token {
  const isUint = /[uU]$/.test(text);
  const isHex = /^0[xX]/.test(text);
  const type = isUint ? 'uint' : !isHex && /[.eE]/.test(text) ? 'double' : 'int';
  return { type, text: isUint ? text.slice(0, -1) : text, start, end: start + text.length };
}

/** Source to tokens, ending with one of type `end`. Throws SourceError. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  for (;;) {
    const skipped = at(space, source, offset)?.length ?? 0;
    offset += skipped;
    if (offset >= source.length) break;
    if (skipped > 0) continue;
    const token = nextToken(source, offset);
    tokens.push(token);
    offset = token.end;
  }
  tokens.push({ type: 'end', text: '<EOF>', start: source.length, end: source.length });
  return tokens;
}

function nextToken(source: string, start: number): Token {
  const quote = at(stringStart, source, start);
  if (quote !== undefined) return readQuoted(source, start, quote);
  const word = at(name, source, start);
  if (word !== undefined) return { type: 'ident', text: word, start, end: start + word.length };
  const digits = at(number, source, start);
  if (digits !== undefined) return numberToken(digits, start);
  const escaped = at(quotedName, source, start);
  if (escaped !== undefined) {
    return { type: 'quoted-ident', text: escaped.slice(1, -1), start, end: start + escaped.length };
  }
  const op = at(operator, source, start);
  if (op !== undefined) return { type: 'op', text: op, start, end: start + op.length };
  const character = String.fromCodePoint(source.codePointAt(start) ?? 0);
  throw new SourceError(`Syntax error: token recognition error at: '${character}'`, start);
}
