/** Rego's sprintf, which compiled policies leave to their host: the verbs of Go's fmt that policies use. */
import { isJsonArray, isJsonObject, type Json } from '@driftline/proto';

const verb = /%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

export function sprintf(format: string, values: readonly Json[]): string {
  const parts: string[] = [];
  let next = 0;
  let copied = 0;
  for (const match of format.matchAll(verb)) {
    parts.push(format.slice(copied, match.index));
    copied = match.index + match[0].length;
    if (match[4] === '%') parts.push('%');
    else {
      parts.push(one(match, values[next]));
      next += 1;
    }
  }
  const extra = values.slice(next);
  const more = extra.length === 0 ? '' : `%!(EXTRA ${extra.map(plain).join(', ')})`;
  return `${parts.join('')}${format.slice(copied)}${more}`;
}

function one([, flags = '', width = '0', precision, letter = '']: RegExpExecArray, value: Json | undefined): string {
  if (value === undefined) return `%!${letter}(MISSING)`;
  const written = write(letter, value, precision === undefined ? undefined : Number(precision));
  return written === undefined ? `%!${letter}(${plain(value)})` : padded(written, flags, Number(width));
}

function write(letter: string, value: Json, precision: number | undefined): string | undefined {
  switch (letter) {
    case 'v':
    case 's':
      return precision === undefined ? plain(value) : plain(value).slice(0, precision);
    case 'd':
      return typeof value === 'number' && Number.isInteger(value) ? String(value) : undefined;
    case 'q':
      return JSON.stringify(plain(value));
    case 't':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'f':
      return typeof value === 'number' ? value.toFixed(Math.min(precision ?? 6, 100)) : undefined;
    case 'x':
      return typeof value === 'number' && Number.isInteger(value) ? value.toString(16) : undefined;
    default:
      return undefined;
  }
}

const maxWidth = 1_000;

function padded(text: string, flags: string, width: number): string {
  const length = Math.min(width, maxWidth);
  if (flags.includes('-')) return text.padEnd(length);
  return text.padStart(length, flags.includes('0') ? '0' : ' ');
}

/** Strings bare, what is in lists and objects as Rego writes it. */
function plain(value: Json): string {
  return typeof value === 'string' ? value : nested(value);
}

function nested(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(nested).join(', ')}]`;
  if (isJsonObject(value))
    return `{${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${nested(member)}`)
      .join(', ')}}`;
  return JSON.stringify(value);
}
