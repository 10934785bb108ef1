/** `|` and `>`. The cursor stands at the sign, and ends at the end of the last line. */
import { char, type Cursor, endsLine, notPlain } from './cursor.ts';

/** The text stands further in than `parent`, which is the column of the collection it is in. */
export function readBlockScalar(cursor: Cursor, parent: number): string {
  const isFolded = cursor.peek() === char.greater;
  cursor.at += 1;
  const chomping = cursor.peek();
  if (chomping === char.dash || chomping === char.plus) cursor.at += 1;
  if (!endsLine(cursor.peek()) && cursor.peek() !== char.space) notPlain();
  cursor.endLine();
  const lines = readLines(cursor, parent);
  const end = lines.findLastIndex((line) => /[^ ]/.test(line)) + 1;
  if (end === 0) return chomping === char.plus ? notPlain() : '';
  const text = isFolded ? folded(lines.slice(0, end)) : lines.slice(0, end).join('\n');
  if (chomping === char.dash) return text;
  return chomping === char.plus ? text + '\n'.repeat(lines.length - end + 1) : `${text}\n`;
}

/** Without their indentation. */
function readLines(cursor: Cursor, parent: number): readonly string[] {
  const { text } = cursor;
  const lines: string[] = [];
  let indent = -1;
  let longestEmpty = 0;
  while (cursor.at < text.length) {
    const from = cursor.at + 1;
    if (from >= text.length) break;
    let first = from;
    while (text.charCodeAt(first) === char.space) first += 1;
    const isEmpty = endsLine(text.charCodeAt(first));
    const column = first - from;
    if (!isEmpty && indent < 0) {
      if (column <= parent) break;
      if (longestEmpty > column) notPlain();
      indent = column;
    }
    if (!isEmpty && column < indent) {
      if (column > parent) notPlain();
      break;
    }
    if (isEmpty && indent < 0) longestEmpty = Math.max(longestEmpty, column);
    const newline = text.indexOf('\n', first);
    const end = newline < 0 ? text.length : newline;
    // Blanks without a line break behind them are no line.
    if (!isEmpty || newline >= 0) lines.push(indent < 0 ? '' : text.slice(Math.min(from + indent, end), end));
    cursor.at = end;
    cursor.lineStart = from;
  }
  return lines;
}

/** Breaks between lines of text become spaces; those around lines that stand further in, and empty lines, stay. */
function folded(lines: readonly string[]): string {
  let text = '';
  let separator = '';
  let wasFurther = false;
  for (const line of lines) {
    const first = line.charCodeAt(0);
    if (first === char.space || first === char.tab) {
      if (separator === ' ') separator = '\n';
      else if (separator === '\n' && !wasFurther) separator = '\n\n';
      text += separator + line;
      separator = '\n';
      wasFurther = true;
    } else if (line === '') {
      if (separator === '\n') text += '\n';
      else separator = '\n';
    } else {
      text += separator + line;
      separator = ' ';
      wasFurther = false;
    }
  }
  return text;
}
