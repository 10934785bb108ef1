import { RE2JS } from 're2js';
import { type CelError, invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import type { Value } from '../value.ts';
import { labour } from '../work.ts';
import { regexCost } from './cost.ts';

/** Compiled patterns are kept, so that a policy's literal pattern is compiled once. */
const compiled = new Map<string, RE2JS | CelError>();
const maxCompiled = 256;
/** Longest pattern compiled, in UTF-16 units. */
const maxPatternLength = 10_000;

/** RE2 syntax, matched in linear time whatever pattern and text. */
export function compileRegex(pattern: string): RE2JS | CelError {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  labour(1000 + pattern.length * 50);
  let regex: RE2JS | CelError;
  if (pattern.length > maxPatternLength)
    return invalid(`regular expression longer than ${maxPatternLength} characters`);
  try {
    regex = RE2JS.compile(pattern);
  } catch (error) {
    regex = invalid(error instanceof Error ? error.message : 'bad regular expression');
  }
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(pattern, regex);
  return regex;
}

/** Answers kept for each pattern: the same few images, names and paths are asked about again and again. */
const answers = new WeakMap<RE2JS, Map<string, boolean>>();
const maxAnswers = 128;
const maxRememberedLength = 256;

function matches(text: string, pattern: string): Value {
  const regex = compileRegex(pattern);
  if (!(regex instanceof RE2JS)) return regex;
  if (text.length > maxRememberedLength) return regex.test(text);
  let known = answers.get(regex);
  if (known === undefined || known.size >= maxAnswers) answers.set(regex, (known = new Map()));
  let answer = known.get(text);
  if (answer === undefined) known.set(text, (answer = regex.test(text)));
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
