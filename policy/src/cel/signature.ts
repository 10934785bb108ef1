import * as types from './types.ts';
import type { CelType } from './types.ts';
import type { Value } from './value.ts';

/** One way to call a function. */
export type Overload = {
  readonly signature: string;
  readonly member: boolean;
  /** The receiver of a member function comes first. */
  readonly params: readonly CelType[];
  readonly result: CelType;
  readonly typeParams: readonly string[];
  /** The kind each argument must have at run time; '' accepts any. */
  readonly guards: readonly string[];
  readonly apply: (...args: Value[]) => Value;
  /** Charged before the call, from the first two arguments; undefined: 1. */
  readonly cost: CostRule | undefined;
};

export type CostRule = (a: Value, b: Value) => number;

export type Definition = readonly [name: string, overload: Overload];

const named: Readonly<Record<string, CelType>> = {
  dyn: types.dynType,
  null: types.nullType,
  bool: types.boolType,
  int: types.intType,
  uint: types.uintType,
  double: types.doubleType,
  string: types.stringType,
  bytes: types.bytesType,
  timestamp: types.timestampType,
  duration: types.durationType,
};

/**
 * Declares a function: `size(string) -> int`, a member by its receiver, `string::charAt(int) -> string`, a namespaced
 * one by its dotted name, `sets.contains(list<A>, list<A>) -> bool`. One capital letter is a type variable; other
 * names are opaque types. `apply` may assume the run-time kinds of the signature, but not the kinds of elements.
 */
export function define(signature: string, apply: (...args: never[]) => Value, cost?: CostRule): Definition {
  const match = /^(?:(.+?)::)?([@\w.]+)\((.*)\) -> (.+)$/.exec(signature);
  if (match === null) throw new TypeError(`bad signature: ${signature}`);
  const [, receiver, name = '', args = '', result = ''] = match;
  const params = [...(receiver === undefined ? [] : [parseType(receiver)]), ...splitArguments(args).map(parseType)];
  const overload: Overload = {
    signature,
    member: receiver !== undefined,
    params,
    result: parseType(result),
    typeParams: [...new Set([...signature.matchAll(/\b[A-Z]\b/g)].map(([letter]) => letter))],
    guards: params.map(guardOf),
    apply: apply as (...args: Value[]) => Value,
    cost,
  };
  return [name, overload];
}

function splitArguments(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  const last = text.slice(from).trim();
  return last === '' ? parts : [...parts, last];
}

function parseType(text: string): CelType {
  const open = text.indexOf('<');
  if (open < 0) {
    if (/^[A-Z]$/.test(text)) return types.paramType(text);
    return Object.hasOwn(named, text) ? (named[text] ?? types.dynType) : types.opaqueType(text);
  }
  const params = splitArguments(text.slice(open + 1, -1)).map(parseType);
  const [a = types.dynType, b = types.dynType] = params;
  switch (text.slice(0, open)) {
    case 'list':
      return types.listType(a);
    case 'map':
      return types.mapType(a, b);
    case 'type':
      return types.typeType(a);
    case 'optional':
      return types.optionalType(a);
    default:
      throw new TypeError(`bad type in signature: ${text}`);
  }
}

/** The run-time kind of values of a type; '' when any will do. */
export function guardOf(type: CelType): string {
  switch (type.kind) {
    case 'dyn':
    case 'param':
    case 'wrapper':
      return '';
    case 'opaque':
      return type.name;
    case 'object':
      return 'map';
    default:
      return type.kind;
  }
}
