/** What a part wrote into its log file since it was started, as people read it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const tailLines = 8;
/** Enough for the last lines; one of them may hold a stack. */
const tailBytes = 64 * 1024;
const warnLevel = 40;
const levels: Readonly<Record<number, string>> = { 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** `from`: the size of the file when the part was started; what is before it was written by earlier ones. */
export function logTail(path: string, from: number): string {
  return once(linesOf(path, from).map(readable)).slice(-tailLines).join('\n');
}

/** What was said again and again is one line. */
function once(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line, index) => {
    if (line === lines[index - 1]) return [];
    const next = lines.findIndex((other, at) => at > index && other !== line);
    const times = (next < 0 ? lines.length : next) - index;
    return [times === 1 ? line : `${line} (${times} times)`];
  });
}

/** The text of the last warning or error; '' when there is none. */
export function lastWarning(path: string, from: number): string {
  const entry = linesOf(path, from)
    .map(entryOf)
    .findLast((one) => one !== undefined && one.level >= warnLevel);
  return entry?.text ?? '';
}

function linesOf(path: string, from: number): readonly string[] {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const start = Math.max(from, size - tailBytes);
      const bytes = Buffer.alloc(Math.max(0, size - start));
      const read = readSync(file, bytes, 0, bytes.length, start);
      const lines = bytes.toString('utf8', 0, read).split('\n');
      return (start > from ? lines.slice(1) : lines).filter((line) => line !== '');
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}

function readable(line: string): string {
  const entry = entryOf(line);
  return `  ${entry === undefined ? line : `${(levels[entry.level] ?? '').padEnd(6)}${entry.text}`}`;
}

/** A line of the logger: what happened, and why when it says so. Other lines are nobody's. */
function entryOf(line: string): { readonly level: number; readonly text: string } | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, event, reason, msg } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof level !== 'number') return undefined;
    return { level, text: [event, reason ?? msg].filter((part) => typeof part === 'string').join(': ') };
  } catch {
    return undefined;
  }
}
