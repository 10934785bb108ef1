/** Reads the cases of the public CEL conformance suite: protobuf-JSON values and types to ours. */
import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import { compileCel } from '../compile.ts';
import { buildMessage } from '../message-value.ts';
import { CelMap, mapPairs, mapSize } from '../cel-map.ts';
import { decodeBase64 } from '../library/encoders.ts';
import { parseDuration, parseTimestamp } from '../time.ts';
import * as types from '../types.ts';
import type { CelType } from '../types.ts';
import { CelDouble, CelUint, double, int, kindOf, numeric, uint, type Value } from '../value.ts';
import { equal } from '../equality.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Fields = { readonly [key: string]: Json };

export type ConformanceCase = {
  /** `suite/section/name`. */
  readonly id: string;
  readonly expr: string;
  readonly original: Fields;
  readonly deducedType: string | undefined;
};

type Suite = {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: unknown }[];
};

export function conformanceCases(): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  const walk = (suite: Suite, path: string): void => {
    for (const { original } of suite.tests ?? []) {
      const fields = original as Fields;
      const { expr, name = expr } = fields as { expr: string; name?: string };
      cases.push({ id: `${path}/${name}`, expr, original: fields, deducedType: undefined });
    }
    for (const child of suite.suites ?? []) walk(child, path === '' ? child.name : `${path}/${child.name}`);
  };
  walk(tests as Suite, '');
  return cases;
}

/** What our engine has none of: general protobuf messages, with their enums and extensions. */
export class Unsupported extends Error {}

const text = (json: Json | undefined): string => (typeof json === 'string' ? json : JSON.stringify(json));
const fields = (json: Json | undefined): Fields => (json ?? {}) as Fields;
const list = (json: Json | undefined): readonly Json[] => (json ?? []) as readonly Json[];

/** google.api.expr.v1alpha1.Value to ours. */
export function readValue(json: Json): Value {
  const [entry] = Object.entries(fields(json));
  if (entry === undefined) throw new Unsupported('empty value');
  const [kind, content] = entry;
  switch (kind) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'stringValue':
      return content;
    case 'int64Value':
      return int(BigInt(content as string));
    case 'uint64Value':
      return uint(BigInt(content as string));
    case 'doubleValue':
      return double(Number(content));
    case 'bytesValue':
      return decodeBase64(content as string);
    case 'listValue':
      return list(fields(content)['values']).map(readValue);
    case 'mapValue': {
      const map = new CelMap();
      for (const item of list(fields(content)['entries'])) {
        const { key = null, value = null } = fields(item);
        map.add(readValue(key), readValue(value));
      }
      return map;
    }
    case 'objectValue':
      return readAny(fields(content));
    default:
      throw new Unsupported(kind);
  }
}

function readAny(any: Fields): Value {
  const name = text(any['@type']).replace('type.googleapis.com/', '');
  const value = any['value'];
  switch (name) {
    case 'google.protobuf.Duration':
      return parseDuration(value as string);
    case 'google.protobuf.Timestamp':
      return parseTimestamp(value as string);
    case 'google.protobuf.Value':
    case 'google.protobuf.ListValue':
    case 'google.protobuf.Struct':
      return fromJson(value ?? null);
    case 'google.protobuf.BytesValue':
      return decodeBase64(value as string);
    case 'google.protobuf.Int32Value':
    case 'google.protobuf.Int64Value':
      return int(BigInt(value as string));
    case 'google.protobuf.UInt32Value':
    case 'google.protobuf.UInt64Value':
      return uint(BigInt(value as string));
    case 'google.protobuf.FloatValue':
    case 'google.protobuf.DoubleValue':
      return double(Number(value));
    case 'google.protobuf.BoolValue':
    case 'google.protobuf.StringValue':
      return buildMessage([name], new Map([['value', value]]));
    default:
      throw new Unsupported(name);
  }
}

/** google.protobuf.Value: every number is a double. */
function fromJson(json: Json): Value {
  if (typeof json === 'number') return double(json);
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

const primitives: Readonly<Record<string, CelType>> = {
  BOOL: types.boolType,
  INT64: types.intType,
  UINT64: types.uintType,
  DOUBLE: types.doubleType,
  STRING: types.stringType,
  BYTES: types.bytesType,
};
const wellKnown: Readonly<Record<string, CelType>> = {
  ANY: types.dynType,
  TIMESTAMP: types.timestampType,
  DURATION: types.durationType,
};
const messages: Readonly<Record<string, CelType>> = {
  'google.protobuf.Int32Value': types.wrapperType(types.intType),
  'google.protobuf.Int64Value': types.wrapperType(types.intType),
  'google.protobuf.UInt32Value': types.wrapperType(types.uintType),
  'google.protobuf.UInt64Value': types.wrapperType(types.uintType),
  'google.protobuf.FloatValue': types.wrapperType(types.doubleType),
  'google.protobuf.DoubleValue': types.wrapperType(types.doubleType),
  'google.protobuf.BoolValue': types.wrapperType(types.boolType),
  'google.protobuf.StringValue': types.wrapperType(types.stringType),
  'google.protobuf.BytesValue': types.wrapperType(types.bytesType),
  'google.protobuf.ListValue': types.listType(types.dynType),
  'google.protobuf.Struct': types.mapType(types.stringType, types.dynType),
  'google.protobuf.Value': types.dynType,
  'google.protobuf.Any': types.dynType,
  'google.protobuf.Timestamp': types.timestampType,
  'google.protobuf.Duration': types.durationType,
};

/** google.api.expr.v1alpha1.Type to ours. */
export function readType(json: Json): CelType {
  const [entry] = Object.entries(fields(json));
  if (entry === undefined) throw new Unsupported('empty type');
  const [kind, content] = entry;
  switch (kind) {
    case 'dyn':
      return types.dynType;
    case 'null':
      return types.nullType;
    case 'primitive':
      return primitives[content as string] ?? types.dynType;
    case 'wellKnown':
      return wellKnown[content as string] ?? types.dynType;
    case 'wrapper':
      return types.wrapperType(primitives[content as string] ?? types.dynType);
    case 'listType':
      return types.listType(readType(fields(content)['elemType'] ?? { dyn: {} }));
    case 'mapType': {
      const { keyType = { dyn: {} }, valueType = { dyn: {} } } = fields(content);
      return types.mapType(readType(keyType), readType(valueType));
    }
    case 'messageType':
      return messages[content as string] ?? unsupported(content);
    case 'type':
      return types.typeType(Object.keys(fields(content)).length === 0 ? types.dynType : readType(content));
    case 'abstractType': {
      const { name = '', parameterTypes = [] } = fields(content);
      return types.opaqueType(text(name), ...list(parameterTypes).map(readType));
    }
    case 'typeParam':
      return types.paramType(text(content));
    default:
      return unsupported(kind);
  }
}

function unsupported(what: Json): never {
  throw new Unsupported(text(what));
}

/** Equal in type and value, NaN included. */
function isSame(actual: Value, expected: Value): boolean {
  if (kindOf(actual) !== kindOf(expected)) return false;
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.length === expected.length && actual.every((element, i) => isSame(element, expected[i]));
  }
  if (kindOf(actual) === 'map') {
    const found = Array.from(mapPairs(actual));
    return (
      mapSize(actual) === mapSize(expected) &&
      Array.from(mapPairs(expected)).every(([key, value]) => found.some(([k, v]) => isSame(k, key) && isSame(v, value)))
    );
  }
  if (actual instanceof CelDouble || actual instanceof CelUint) return Object.is(actual.value, numeric(expected));
  return equal(actual, expected) || (Number.isNaN(actual) && Number.isNaN(expected));
}

const show = (value: Value): string => `${kindOf(value)} ${String(numeric(value) ?? value)}`;

/** undefined when the case passes, else why it does not. */
export function runCase({ expr, original }: ConformanceCase): string | undefined {
  const variables: Record<string, CelType> = {};
  const bindings: Record<string, Value> = {};
  for (const declaration of list(original['typeEnv'])) {
    const { name = '', ident } = fields(declaration);
    if (ident === undefined) throw new Unsupported('declared function');
    variables[text(name)] = readType(fields(ident)['type'] ?? { dyn: {} });
  }
  for (const [name, value] of Object.entries(fields(original['bindings']))) {
    bindings[name] = readValue(fields(value)['value'] ?? null);
    variables[name] ??= types.dynType;
  }
  const compiled = compileCel(expr, {
    variables,
    container: (original['container'] as string | undefined) ?? '',
    strictLiterals: false,
    unchecked: original['disableCheck'] === true,
  });
  const expectsError = original['evalError'] !== undefined;
  if (!compiled.ok)
    return expectsError ? undefined : `compile error ${compiled.error.column}: ${compiled.error.message}`;
  const typed = fields(original['typedResult']);
  if (typed['deducedType'] !== undefined) {
    const wanted = types.formatType(readType(typed['deducedType']));
    const found = types.formatType(compiled.program.type);
    if (wanted !== found) return `type ${found}, not ${wanted}`;
  }
  if (original['checkOnly'] === true) return undefined;
  const result = compiled.program.evaluate(bindings);
  if (!result.ok) return expectsError ? undefined : `error ${result.error.message}`;
  if (expectsError) return `value ${show(result.value)} instead of an error`;
  const json = original['value'] ?? typed['result'] ?? { boolValue: true };
  if (fields(json)['typeValue'] !== undefined) {
    const { name } = result.value as { name?: string };
    return name === fields(json)['typeValue'] ? undefined : `type ${name}`;
  }
  const expected = readValue(json);
  return isSame(result.value, expected) ? undefined : `${show(result.value)}, not ${show(expected)}`;
}
