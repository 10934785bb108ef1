import {
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  timestampType,
  wrapperType,
  boolType,
  bytesType,
  listType,
  mapType,
  stringType,
  uintType,
} from './types.ts';

/** A message that may be written as a literal: what its fields take, and what the literal is. */
export type MessageType = { readonly fields: ReadonlyMap<string, CelType>; readonly result: CelType };

const wrapper = (type: CelType): MessageType => ({ fields: new Map([['value', type]]), result: wrapperType(type) });
const moment = (result: CelType): MessageType => ({
  fields: new Map([
    ['seconds', intType],
    ['nanos', intType],
  ]),
  result,
});

const messages: ReadonlyMap<string, MessageType> = new Map([
  ['google.protobuf.BoolValue', wrapper(boolType)],
  ['google.protobuf.BytesValue', wrapper(bytesType)],
  ['google.protobuf.DoubleValue', wrapper(doubleType)],
  ['google.protobuf.FloatValue', wrapper(doubleType)],
  ['google.protobuf.Int32Value', wrapper(intType)],
  ['google.protobuf.Int64Value', wrapper(intType)],
  ['google.protobuf.UInt32Value', wrapper(uintType)],
  ['google.protobuf.UInt64Value', wrapper(uintType)],
  ['google.protobuf.StringValue', wrapper(stringType)],
  ['google.protobuf.Timestamp', moment(timestampType)],
  ['google.protobuf.Duration', moment(durationType)],
  ['google.protobuf.ListValue', { fields: new Map([['values', listType(dynType)]]), result: listType(dynType) }],
  [
    'google.protobuf.Struct',
    { fields: new Map([['fields', mapType(stringType, dynType)]]), result: mapType(stringType, dynType) },
  ],
  [
    'google.protobuf.Value',
    {
      fields: new Map([
        ['null_value', dynType],
        ['number_value', doubleType],
        ['string_value', stringType],
        ['bool_value', boolType],
        ['struct_value', mapType(stringType, dynType)],
        ['list_value', listType(dynType)],
      ]),
      result: dynType,
    },
  ],
]);

/** Only the well-known wrapper, JSON and time messages exist here; general protobuf messages do not. */
export const messageType = (name: string): MessageType | undefined => messages.get(name);
