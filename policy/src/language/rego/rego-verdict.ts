/** What a Rego rule answers, as a verdict. */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '@driftline/proto';
import type { Verdict, Violation } from '../../contract.ts';
import { valueAtFieldPath, valueText } from '../field-value.ts';
import { RegoError } from './rego-module.ts';

/**
 * A set of violations: texts, or objects with `msg` (or `message`) and, where they say it, `path` (a field path) and
 * `value`. A boolean is a violation when it is true; undefined is none. Violations at one path are told together.
 */
export function regoVerdict(answer: Json | undefined, object: JsonObject, title: string): Verdict {
  if (answer === undefined || answer === false) return { verdict: 'pass' };
  const answers = answer === true ? [title] : answer;
  if (!isJsonArray(answers)) throw new RegoError('the entrypoint gives neither a set of violations nor a boolean');
  const byPath = new Map<string, Violation>();
  for (const one of answers.map((entry) => violationOf(entry, object))) {
    const other = byPath.get(one.path);
    byPath.set(one.path, other === undefined ? one : { ...other, reason: `${other.reason}; ${one.reason}` });
  }
  return byPath.size === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations: [...byPath.values()] };
}

function violationOf(entry: Json, object: JsonObject): Violation {
  if (!isJsonObject(entry)) return { path: '', value: '', reason: valueText(entry) };
  const { msg, message, path, value } = entry;
  const place = typeof path === 'string' ? path : '';
  return {
    path: place,
    value: valueText(value ?? (place === '' ? undefined : valueAtFieldPath(object, place))),
    reason: valueText(msg ?? message ?? entry),
  };
}
