import { RE2JS } from 're2js';
import { CelError, invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import type { Value } from '../value.ts';
import { labour } from '../work.ts';
import { regexCost } from './cost.ts';

/** With the answers it gave: the same few images, names and paths are asked about again and again. */
type CompiledRegex = { readonly regex: RE2JS; readonly answers: Map<string, boolean> };

/** Compiled patterns are kept, so that a policy's literal pattern is compiled once. */
const compiled = new Map<string, CompiledRegex | CelError>();
const maxCompiled = 256;
/** Longest pattern compiled, in UTF-16 units. */
const maxPatternLength = 10_000;

/** RE2 syntax, matched in linear time whatever pattern and text. */
export function compileRegex(pattern: string): RE2JS | CelError {
  const found = compiledRegex(pattern);
  return found instanceof CelError ? found : found.regex;
}

function compiledRegex(pattern: string): CompiledRegex | CelError {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  labour(1000 + pattern.length * 50);
  let made: CompiledRegex | CelError;
  if (pattern.length > maxPatternLength)
    return invalid(`regular expression longer than ${maxPatternLength} characters`);
  try {
    made = { regex: RE2JS.compile(pattern), answers: new Map() };
  } catch (error) {
    made = invalid(error instanceof Error ? error.message : 'bad regular expression');
  }
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(pattern, made);
  return made;
}

/** Answers kept for each pattern. */
const maxAnswers = 128;
const maxRememberedLength = 256;

function matches(text: string, pattern: string): Value {
  const found = compiledRegex(pattern);
  if (found instanceof CelError) return found;
  const { regex, answers } = found;
  if (text.length > maxRememberedLength) return regex.test(text);
  let answer = answers.get(text);
  if (answer !== undefined) return answer;
  answer = regex.test(text);
  if (answers.size >= maxAnswers) answers.clear();
  answers.set(text, answer);
  return answer;
}

function find(text: string, pattern: string): Value {
  const regex = compileRegex(pattern);
  if (!(regex instanceof RE2JS)) return regex;
  const matcher = regex.matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, pattern: string, limit: number | bigint = -1): Value {
  const regex = compileRegex(pattern);
  if (!(regex instanceof RE2JS)) return regex;
  const matcher = regex.matcher(text);
  const found: string[] = [];
  const most = limit < 0 ? Number.POSITIVE_INFINITY : Number(limit);
  while (found.length < most && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

export const regexDefinitions: readonly Definition[] = [
  define('matches(string, string) -> bool', matches, regexCost),
  define('string::matches(string) -> bool', matches, regexCost),
  define('string::find(string) -> string', find, regexCost),
  define('string::findAll(string) -> list<string>', findAll, regexCost),
  define('string::findAll(string, int) -> list<string>', findAll, regexCost),
];
