/**
 * What a control asks of a setting, as its `params` say it, so that one relation serves every argument and field:
 * `{name, default?}` and exactly one of `oneOf`, `noneOf`, `beginsWithOneOf`, `includes`, `excludes`,
 * `atLeast` and `isSet`.
 * Values are text, as on a command line; lists in them are joined by commas.
 */
import { listAt, stringAt, stringsOf, valueAt } from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';

/** Undefined: not set. */
export type Setting = (name: string) => string | undefined;

export type BrokenSetting = { readonly name: string; readonly value: string; readonly why: string };

/** A control's `settings` that do not hold; empty when all do. */
export function brokenSettings(params: JsonObject, setting: Setting): readonly BrokenSetting[] {
  return listAt(params, 'settings').flatMap((rule) => {
    const name = stringAt(rule, 'name');
    const own = setting(name);
    const fallback = valueAt(rule, 'default');
    const value = own === undefined && typeof fallback === 'string' ? fallback : own;
    const why = broken(rule, value);
    if (why === undefined) return [];
    const said = own === undefined && value !== undefined ? `is not set, which means ${value}` : why;
    return [{ name, value: own ?? '', why: said }];
  });
}

/** The first of `elsewhere` that is set: then another place decides, which nobody sees here. */
export function decidedElsewhere(params: JsonObject, setting: Setting): string | undefined {
  return stringsOf(params['elsewhere']).find((name) => setting(name) !== undefined);
}

function broken(rule: Json, value: string | undefined): string | undefined {
  const isSet = valueAt(rule, 'isSet');
  if (typeof isSet === 'boolean') {
    if (isSet) return value === undefined ? 'is not set' : undefined;
    return value === undefined ? undefined : 'is set';
  }
  const items = (value ?? '').split(',').map((item) => item.trim());
  const excluded = stringsOf(valueAt(rule, 'excludes')).filter((item) => items.includes(item));
  if (excluded.length > 0) return `has ${excluded.join(', ')}`;
  if (valueAt(rule, 'excludes') !== undefined) return undefined;
  return value === undefined ? 'is not set' : brokenValue(rule, value, items);
}

function brokenValue(rule: Json, value: string, items: readonly string[]): string | undefined {
  const atLeast = valueAt(rule, 'atLeast');
  if (typeof atLeast === 'number') return Number(value) >= atLeast ? undefined : `is ${value}, less than ${atLeast}`;
  const forbidden = valueAt(rule, 'noneOf');
  if (forbidden !== undefined) return stringsOf(forbidden).includes(value) ? `is ${value}` : undefined;
  const missing = stringsOf(valueAt(rule, 'includes')).filter((item) => !items.includes(item));
  if (missing.length > 0) return `lacks ${missing.join(', ')}`;
  if (valueAt(rule, 'includes') !== undefined) return undefined;
  const beginnings = stringsOf(valueAt(rule, 'beginsWithOneOf'));
  const isRight =
    stringsOf(valueAt(rule, 'oneOf')).includes(value) || beginnings.some((beginning) => value.startsWith(beginning));
  return isRight ? undefined : `is ${value}`;
}
