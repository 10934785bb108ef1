import { SourceError } from './error.ts';
import type { Token } from './lexer.ts';

const simpleEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
  ['?', 63],
  ['"', 34],
  ["'", 39],
  ['`', 96],
]);
const hexDigits: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['X', 2],
  ['u', 4],
  ['U', 8],
]);

/** Where the literal that opens at `from` ends; a backslash protects the next character, except in raw strings. */
function findEnd(source: string, from: number, quote: string, raw: boolean): number {
  const multiline = quote.length === 3;
  for (let i = from; i < source.length; i++) {
    if (source.startsWith(quote, i)) return i;
    const character = source[i];
    if (!multiline && (character === '\n' || character === '\r')) break;
    if (character === '\\' && !raw) i++;
  }
  throw new SourceError('Syntax error: unterminated string literal', from - quote.length);
}

type Decoded = { readonly codePoint: number; readonly isByte: boolean; readonly length: number };

function decodeEscape(body: string, i: number, offset: number): Decoded {
  const letter = body[i + 1] ?? '';
  const simple = simpleEscapes.get(letter);
  if (simple !== undefined) return { codePoint: simple, isByte: true, length: 2 };
  const width = hexDigits.get(letter);
  if (width !== undefined) {
    const digits = body.slice(i + 2, i + 2 + width);
    if (digits.length !== width || !/^[0-9a-fA-F]+$/.test(digits))
      throw new SourceError('invalid escape sequence', offset);
    return { codePoint: Number.parseInt(digits, 16), isByte: width === 2, length: width + 2 };
  }
  const octal = body.slice(i + 1, i + 4);
  if (!/^[0-3][0-7]{2}$/.test(octal)) throw new SourceError('invalid escape sequence', offset);
  return { codePoint: Number.parseInt(octal, 8), isByte: true, length: 4 };
}

function decodeText(body: string, offset: number): string {
  let text = '';
  for (let i = 0; i < body.length; ) {
    const character = body[i] ?? '';
    if (character !== '\\') {
      text += character;
      i++;
      continue;
    }
    const { codePoint, length } = decodeEscape(body, i, offset);
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
      throw new SourceError('invalid unicode code point in escape sequence', offset);
    }
    text += String.fromCodePoint(codePoint);
    i += length;
  }
  return text;
}

function decodeBytes(body: string, offset: number): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let i = 0; i < body.length; ) {
    if (body[i] !== '\\') {
      const character = String.fromCodePoint(body.codePointAt(i) ?? 0);
      bytes.push(...encoder.encode(character));
      i += character.length;
      continue;
    }
    const { codePoint, isByte, length } = decodeEscape(body, i, offset);
    if (!isByte) throw new SourceError('unicode escapes are not allowed in bytes literals', offset);
    bytes.push(codePoint);
    i += length;
  }
  return Uint8Array.from(bytes);
}

/** Reads the string or bytes literal whose prefix and quote are `opening`. Throws SourceError. */
export function readQuoted(source: string, start: number, opening: string): Token {
  const prefix = opening.replace(/['"]+$/, '').toLowerCase();
  const quote = opening.slice(prefix.length);
  const raw = prefix.includes('r');
  const from = start + opening.length;
  const to = findEnd(source, from, quote, raw);
  const body = source.slice(from, to);
  const end = to + quote.length;
  if (prefix.includes('b')) {
    const bytes = raw ? new TextEncoder().encode(body) : decodeBytes(body, start);
    return { type: 'bytes', text: '', bytes, start, end };
  }
  return { type: 'string', text: raw ? body : decodeText(body, start), start, end };
}
