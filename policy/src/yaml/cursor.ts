/** A place in a text, and what stands there. Everything that is not plain YAML ends the reading. */
import type { Json } from '@driftline/proto';

/** Thrown where the text is not of the plain kind; it never leaves this folder. */
export class NotPlain extends Error {}

export function notPlain(): never {
  throw new NotPlain();
}

/** Offsets in the text. */
export type MemberPlace = { readonly key: number; readonly value: number };
/** Where the members of objects and the items of lists stand. A value that is not written has no place of its own. */
export type Marks = Map<object, Map<string, MemberPlace> | number[]>;

export type PlainOptions = {
  /** The value of a scalar without quotes, where its text may stand for something else than itself. Pure. */
  readonly resolve: (text: string) => Json;
  /** Filled when given. */
  readonly marks?: Marks;
};

export const char = {
  tab: 9,
  newline: 10,
  space: 32,
  exclamation: 33,
  quote: 34,
  hash: 35,
  percent: 37,
  ampersand: 38,
  apostrophe: 39,
  asterisk: 42,
  plus: 43,
  comma: 44,
  dash: 45,
  dot: 46,
  zero: 48,
  nine: 57,
  colon: 58,
  less: 60,
  greater: 62,
  question: 63,
  at: 64,
  open: 91,
  backslash: 92,
  close: 93,
  backtick: 96,
  openBrace: 123,
  pipe: 124,
  closeBrace: 125,
  tilde: 126,
} as const;

/** Line break or end of the text. */
export const endsLine = (code: number): boolean => code === char.newline || Number.isNaN(code);
/** What may follow an indicator. */
export const isBlank = (code: number): boolean => code === char.space || endsLine(code);

export class Cursor {
  readonly text: string;
  readonly #resolve: PlainOptions['resolve'];
  readonly marks: Marks | undefined;
  /** The next character. */
  at = 0;
  /** Where its line begins. */
  lineStart = 0;

  constructor(text: string, { resolve, marks }: PlainOptions) {
    this.text = text;
    this.#resolve = resolve;
    this.marks = marks;
  }

  peek(ahead = 0): number {
    return this.text.charCodeAt(this.at + ahead);
  }

  column(): number {
    return this.at - this.lineStart;
  }

  skipSpaces(): void {
    while (this.text.charCodeAt(this.at) === char.space) this.at += 1;
  }

  /** Nothing but spaces and a comment may be left of the line. */
  endLine(): void {
    const from = this.at;
    this.skipSpaces();
    const code = this.peek();
    if (endsLine(code)) return;
    if (code !== char.hash || (this.at === from && this.at > this.lineStart)) notPlain();
    this.toLineEnd();
  }

  toLineEnd(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end;
  }

  /**
   * From the end of a line to the beginning of what comes next, comments and empty lines left out. False at the end of
   * the document; then the cursor stands at the marker of the next one, or at the end of the text.
   */
  toContent(): boolean {
    const { text } = this;
    for (;;) {
      if (this.at >= text.length) return false;
      this.at += 1;
      this.lineStart = this.at;
      this.skipSpaces();
      const code = text.charCodeAt(this.at);
      if (code === char.newline) continue;
      if (code === char.tab) notPlain();
      if (code === char.hash) {
        this.toLineEnd();
        continue;
      }
      if (Number.isNaN(code)) return false;
      return !(this.at === this.lineStart && this.isMarker());
    }
  }

  /** `---` or `...` at the beginning of a line. */
  isMarker(): boolean {
    const code = this.peek();
    if (code !== char.dash && code !== char.dot) return false;
    return this.peek(1) === code && this.peek(2) === code && (isBlank(this.peek(3)) || this.peek(3) === char.tab);
  }

  /** An entry of a list begins here. */
  isDash(): boolean {
    return this.peek() === char.dash && isBlank(this.peek(1));
  }

  /** The value of a scalar without quotes. */
  plain(text: string): Json {
    return isText(text) ? text : (decimal(text) ?? this.#resolve(text));
  }

  setMember(object: Record<string, Json>, key: string, value: Json, place: MemberPlace): void {
    if (key === '__proto__' || key === '<<' || Object.hasOwn(object, key)) notPlain();
    object[key] = value;
    if (this.marks !== undefined)
      (known(this.marks, object, () => new Map()) as Map<string, MemberPlace>).set(key, place);
  }

  addItem(list: Json[], value: Json, offset: number): void {
    list.push(value);
    if (this.marks !== undefined) (known(this.marks, list, () => []) as number[]).push(offset);
  }
}

type Places = Map<string, MemberPlace> | number[];

function known(marks: Marks, of: object, make: () => Places): Places {
  const places = marks.get(of) ?? make();
  marks.set(of, places);
  return places;
}

/** First letters of words that stand for something: true, yes, on, null, false, no, off. */
const wordStarts = new Set(Array.from('tTyYoOnNfF', (letter) => letter.charCodeAt(0)));
const longestWord = 5;
/** Begins as numbers do, and has no character that no number has in any notation. */
const numberLike = /^[-+]?\.?[0-9iInN][-+.0-9_:xoa-fA-FinIN]*$/;

/** Whether a text is surely nothing but itself. */
function isText(text: string): boolean {
  const code = text.charCodeAt(0);
  if (wordStarts.has(code)) return text.length > longestWord;
  if (code === char.tilde) return text.length > 1;
  const startsNumber =
    (code >= char.zero && code <= char.nine) || code === char.dash || code === char.plus || code === char.dot;
  return !startsNumber || !numberLike.test(text);
}

/** Digits as everybody reads them; undefined for other notations. */
function decimal(text: string): number | undefined {
  if (text.length > 15) return undefined;
  const first = text.charCodeAt(0);
  if (first === char.zero) return text.length === 1 ? 0 : undefined;
  let value = 0;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - char.zero;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
