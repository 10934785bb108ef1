/** Values and conditions as CEL text. */
import type { Json } from '@driftline/proto';

export function celString(text: string): string {
  // JSON's escapes are CEL's, but for the two that JSON does not need.
  return JSON.stringify(text)
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

/** Elements are dyn: lists and maps of JSON hold whatever they hold, which the API server's CEL accepts no other way. */
export function celValue(value: Json): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return celString(value);
  if (typeof value === 'number') return numberText(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => `dyn(${celValue(item)})`).join(', ')}]`;
  const entries = Object.entries(value).map(([key, item]) => `${celString(key)}: dyn(${celValue(item)})`);
  return `{${entries.join(', ')}}`;
}

function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

export function celStrings(texts: readonly string[]): string {
  return `[${texts.map(celString).join(', ')}]`;
}

/** Names, and beginnings of names with an asterisk. `text` must be a string. */
export function isOneOf(text: string, patterns: readonly string[]): string {
  const names = patterns.filter((pattern) => !pattern.endsWith('*'));
  const beginnings = patterns.filter((pattern) => pattern.endsWith('*'));
  return anyOf([
    ...(names.length === 0 ? [] : [`${text} in ${celStrings(names)}`]),
    ...beginnings.map((pattern) => `${text}.startsWith(${celString(pattern.slice(0, -1))})`),
  ]);
}

export function allOf(conditions: readonly string[]): string {
  return conditions.length === 1 ? (conditions[0] ?? '') : conditions.map((one) => `(${one})`).join(' && ');
}

export function anyOf(conditions: readonly string[]): string {
  return conditions.length === 1 ? (conditions[0] ?? '') : conditions.map((one) => `(${one})`).join(' || ');
}
