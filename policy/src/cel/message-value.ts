import { duration, timestamp } from './arithmetic.ts';
import { CelMap } from './cel-map.ts';
import { invalid, noSuchOverload, overflow } from './error.ts';
import { messageType } from './messages.ts';
import { CelUint, double, kindOf, numeric, type Value } from './value.ts';

const defaults: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['Bool', false],
  ['Bytes', new Uint8Array()],
  ['Double', double(0)],
  ['Float', double(0)],
  ['Int32', 0],
  ['Int64', 0],
  ['UInt32', new CelUint(0)],
  ['UInt64', new CelUint(0)],
  ['String', ''],
]);

/** The value of a message literal; the first of the names that is a message decides. */
export function buildMessage(names: readonly string[], fields: ReadonlyMap<string, Value>): Value {
  const name = names.find((candidate) => messageType(candidate) !== undefined)?.replace('google.protobuf.', '');
  switch (name) {
    case 'Timestamp':
    case 'Duration': {
      const nanos = BigInt(integer(fields.get('seconds'))) * 1_000_000_000n + BigInt(integer(fields.get('nanos')));
      return name === 'Timestamp' ? timestamp(nanos) : duration(nanos);
    }
    case 'ListValue':
      return fields.get('values') ?? [];
    case 'Struct':
      return fields.get('fields') ?? new CelMap();
    case 'Value':
      return fields.has('null_value') ? null : (fields.values().next().value ?? null);
    case undefined:
      return noSuchOverload('unknown message');
    default:
      return wrapped(name.replace(/Value$/, ''), fields.get('value'));
  }
}

function integer(value: Value): number | bigint {
  const number = numeric(value);
  return number === undefined || (typeof number === 'number' && !Number.isInteger(number)) ? 0 : number;
}

function wrapped(kind: string, value: Value): Value {
  if (value === undefined) return defaults.get(kind);
  const number = numeric(value);
  if (kind === 'Int32' && number !== undefined && (number > 2147483647 || number < -2147483648))
    return overflow('int32');
  if (kind === 'UInt32' && number !== undefined && number > 4294967295) return overflow('uint32');
  if (kind === 'Float' && number !== undefined) return double(Math.fround(Number(number)));
  return kindOf(value) === '' ? invalid('not a value') : value;
}
