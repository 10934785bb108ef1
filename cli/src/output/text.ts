/** Text for a terminal. Everything that came from a cluster passes through `printable`: it may hold escape sequences. */

/** Control characters, C1 and bidirectional overrides become visible escapes. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the class is what must be escaped
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** JSON or double-quoted YAML text: the same characters as their escapes, which mean the same inside of strings. */
export function escapeQuoted(text: string): string {
  return text.replace(unprintable, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

// oxlint-disable-next-line no-control-regex -- the class is what must be escaped; line breaks and tabs between the values stay.
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function hasUnprintable(text: string): boolean {
  return text.search(unprintable) >= 0;
}

/** At most `width` columns, the cut marked. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const character of text) {
    left -= displayWidth(character);
    if (left < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The last `width` columns, the cut marked: the end of a field path says most. */
export function shortenStart(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const character of Array.from(text).toReversed()) {
    left -= displayWidth(character);
    if (left < 0) break;
    kept = character + kept;
  }
  return `…${kept}`;
}

const wideCharacter =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\uff01-\uff60\u3000-\u303f]/u;
const noWidth = /\p{Mn}|\p{Me}|[\u200b-\u200d]/u;
// oxlint-disable-next-line no-control-regex -- the printable ASCII and the control characters, which are escaped before
const narrowText = /^[\u0000-\u02ff…]*$/;

/** Columns that a terminal gives to the text: two for East Asian characters and emoji, none for combining marks. */
export function displayWidth(text: string): number {
  if (narrowText.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += noWidth.test(character) ? 0 : wideCharacter.test(character) ? 2 : 1;
  return width;
}

const durations = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `340 ms`, `12 s`, `1 h 28 m`: the two largest units. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${ms} ms`;
  const first = durations.findIndex(([, unitMs]) => ms >= unitMs);
  const parts = durations.slice(first, first + 2).map(([unit, unitMs], index) => {
    const [, wholeMs = Number.POSITIVE_INFINITY] = index === 0 ? [] : (durations[first] ?? []);
    return `${Math.floor((ms % wholeMs) / unitMs)} ${unit}`;
  });
  return parts.join(' ');
}

export type Paint = {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
};

export function createPaint(isColoured: boolean): Paint {
  const wrap = (open: number, close: number) => (text: string) =>
    isColoured ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    red: wrap(31, 39),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
    cyan: wrap(36, 39),
  };
}

export type TableFit = {
  /** Width to keep to, where that can be done; undefined: as wide as the cells are. */
  readonly columns: number | undefined;
  /** Columns that may be shortened, by index; at least one. */
  readonly flexible: readonly [number, ...number[]];
};

const columnGap = 3;
const narrowestCell = 12;

/** Columns padded to their widest cell, header in capitals, as kubectl prints. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], fit?: TableFit): string {
  const all = [header, ...rows.map((row) => row.map(printable))];
  const widest = header.map((_, column) => all.reduce((max, row) => Math.max(max, displayWidth(row[column] ?? '')), 0));
  const widths = fitted(widest, fit);
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const shown = shorten(cell, widths[column] ?? 0);
          return column === row.length - 1 ? shown : shown + ' '.repeat((widths[column] ?? 0) - displayWidth(shown));
        })
        .join(' '.repeat(columnGap))
        .trimEnd(),
    )
    .join('\n');
}

function fitted(widest: readonly number[], fit: TableFit | undefined): readonly number[] {
  if (fit?.columns === undefined) return widest;
  const widths = [...widest];
  let tooMuch = widths.reduce((sum, width) => sum + width + columnGap, -columnGap) - fit.columns;
  while (tooMuch > 0) {
    // The widest gives way first, so that none becomes unreadable before the others.
    const column = fit.flexible.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a));
    const width = widths[column] ?? 0;
    if (width <= narrowestCell) break;
    widths[column] = width - 1;
    tooMuch -= 1;
  }
  return widths;
}

/** Local time to the second for people; the exact moment is in -o wide, json and yaml. */
export function localTime(rfc3339: string): string {
  const date = new Date(rfc3339);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
