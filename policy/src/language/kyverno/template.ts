/**
 * `{{ … }}` in texts of a policy. A text that is one expression becomes its value; in a longer text the value is written
 * in. Expressions may stand in expressions. What has no expression is used as it is.
 */
import { isJsonArray, isJsonObject, type Json } from '@driftline/proto';
import { FunctionError } from './function-error.ts';
import { compileQuery, type Query } from './jmespath.ts';

/** An expression that found nothing: the rule has an error, unless whoever asked takes null for an answer. */
export class NothingFound extends Error {}

export type TemplateData = {
  readonly data: Json;
  /** Preconditions ask about what may not be there. */
  readonly isLenient: boolean;
};

export type Template = (from: TemplateData) => Json;

/** Throws FunctionError with the reason when the text uses what is not supported or does not parse. */
export function compileTemplate(value: Json): Template {
  if (typeof value === 'string') return compileText(value);
  if (isJsonArray(value)) {
    const items = value.map(compileTemplate);
    return hasTemplate(value) ? (from) => items.map((item) => item(from)) : () => value;
  }
  if (!isJsonObject(value) || !hasTemplate(value)) return () => value;
  const members = Object.entries(value).map(([key, member]) => [key, compileTemplate(member)] as const);
  return (from) => Object.fromEntries(members.map(([key, member]) => [key, member(from)]));
}

function hasTemplate(value: Json): boolean {
  if (typeof value === 'string') return value.includes('{{') || value.includes('$(');
  if (isJsonArray(value)) return value.some(hasTemplate);
  return isJsonObject(value) && Object.values(value).some(hasTemplate);
}

type Part = string | { readonly query: Template };

function compileText(text: string): Template {
  if (/\$\(\S+?\)/.test(text)) throw new FunctionError('references to other fields, $(…), are not supported');
  if (!text.includes('{{')) return () => text;
  const parts = partsOf(text);
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return only.query;
  return (from) => joined(parts, from);
}

function joined(parts: readonly Part[], from: TemplateData): string {
  return parts.map((part) => (typeof part === 'string' ? part : textOf(part.query(from)))).join('');
}

/** A value as it is written into a text. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function partsOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  let rest = text;
  while (rest !== '') {
    const open = rest.indexOf('{{');
    if (open === -1) break;
    const close = endOf(rest, open);
    if (close === -1) throw new FunctionError(`{{ without }} in ${text}`);
    const isEscaped = rest[open - 1] === '\\';
    const before = rest.slice(0, isEscaped ? open - 1 : open);
    if (before !== '') parts.push(before);
    const inner = rest.slice(open + 2, close);
    parts.push(isEscaped ? `{{${inner}}}` : { query: compileExpression(inner) });
    rest = rest.slice(close + 2);
  }
  return rest === '' ? parts : [...parts, rest];
}

/** Where the expression that opens at `open` closes. */
function endOf(text: string, open: number): number {
  let depth = 0;
  for (let index = open; index < text.length - 1; index += 1) {
    if (text.startsWith('{{', index)) {
      depth += 1;
      index += 1;
    } else if (text.startsWith('}}', index)) {
      // Of `}}}` the last two close: the first ends an object of the expression.
      if (depth === 1 && text[index + 2] === '}') continue;
      depth -= 1;
      if (depth === 0) return index;
      index += 1;
    }
  }
  return -1;
}

function compileExpression(source: string): Template {
  const text = source.trim();
  if (text.startsWith('@')) throw new FunctionError('{{ @ }}, the value at the place of the pattern, is not supported');
  if (!text.includes('{{')) {
    const query = compileQuery(text);
    return (from) => found(query, text, from);
  }
  const parts = partsOf(text);
  return (from) => {
    const source = joined(parts, from);
    return found(compileQuery(source), source, from);
  };
}

function found(query: Query, source: string, { data, isLenient }: TemplateData): Json {
  const value = query.run(data);
  if (value === null && query.isPlainPath && !isLenient) throw new NothingFound(`{{ ${source} }} finds nothing`);
  return value;
}
