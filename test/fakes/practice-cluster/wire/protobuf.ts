import { type Json, type JsonObject, setKey } from '../object/json.ts';
import { messageTable } from './message-table.ts';

type Field = {
  readonly number: number;
  /** '' where the inner message's fields belong to the outer one. */
  readonly name: string;
  readonly isRepeated: boolean;
  readonly isMap: boolean;
  readonly type: string;
  readonly keepsZero: boolean;
};
type Message = ReadonlyMap<number, Field>;

const parseField = (text: string): Field => {
  const match = /^(\d+)([^:]+):([*%]*)([^?]+)(\??)$/.exec(text);
  const [, number = '', name = '', shape = '', type = '', optional = ''] = match ?? [];
  return {
    number: Number(number),
    name: name === '^' ? '' : name,
    isRepeated: shape.includes('*'),
    isMap: shape.includes('%'),
    type,
    keepsZero: optional === '?',
  };
};

const messages: ReadonlyMap<string, Message> = new Map(
  messageTable
    .trim()
    .split('\n')
    .map((line): [string, Message] => {
      const [name = '', ...fields] = line.split(' ');
      return [name, new Map(fields.map(parseField).map((field) => [field.number, field]))];
    }),
);

const magic = Buffer.from('k8s\0');
const maxDepth = 64;

/** What the bytes do not allow. */
export class ProtobufError extends Error {}

type Raw = { readonly number: number; readonly varint: bigint; readonly bytes: Buffer };

function* fieldsOf(bytes: Buffer): Generator<Raw> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new ProtobufError('a number is cut short');
  };
  const take = (size: number): Buffer => {
    if (size < 0 || at + size > bytes.length) throw new ProtobufError('a field is cut short');
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const empty = Buffer.alloc(0);
    switch (tag & 7) {
      case 0:
        yield { number: tag >> 3, varint: varint(), bytes: empty };
        break;
      case 1:
        yield { number: tag >> 3, varint: 0n, bytes: take(8) };
        break;
      case 2:
        yield { number: tag >> 3, varint: 0n, bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number: tag >> 3, varint: 0n, bytes: take(4) };
        break;
      default:
        throw new ProtobufError(`wire type ${tag & 7} is not known`);
    }
  }
}

/** The fields of a small message by number; the last one of a number counts. */
const small = (bytes: Buffer): Map<number, Raw> => new Map([...fieldsOf(bytes)].map((raw) => [raw.number, raw]));
const text = (raw: Raw | undefined): string => raw?.bytes.toString('utf8') ?? '';

const timeText = (bytes: Buffer, digits: number): Json => {
  const parts = small(bytes);
  const seconds = Number(parts.get(1)?.varint ?? 0n);
  const nanos = Number(parts.get(2)?.varint ?? 0n);
  if (seconds === 0 && nanos === 0) return null;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return digits === 0 ? `${whole}Z` : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
};

const scalars: { readonly [type: string]: (raw: Raw) => Json } = {
  s: text,
  b: (raw) => raw.varint !== 0n,
  i: (raw) => Number(raw.varint),
  d: (raw) => (raw.bytes.length === 8 ? raw.bytes.readDoubleLE() : Number(raw.varint)),
  y: (raw) => raw.bytes.toString('base64'),
  q: (raw) => text(small(raw.bytes).get(1)),
  n: (raw) => {
    const parts = small(raw.bytes);
    return (parts.get(1)?.varint ?? 0n) === 0n ? Number(parts.get(2)?.varint ?? 0n) : text(parts.get(3));
  },
  t: (raw) => timeText(raw.bytes, 0),
  u: (raw) => timeText(raw.bytes, 6),
  r: (raw) => parsed(small(raw.bytes).get(1)),
  f: (raw) => parsed(small(raw.bytes).get(1)),
  x: (raw) => [...fieldsOf(raw.bytes)].filter((item) => item.number === 1).map(text),
};

const parsed = (raw: Raw | undefined): Json => (raw === undefined ? null : (JSON.parse(text(raw)) as Json));

const valueOf = (raw: Raw, type: string, depth: number): Json => {
  if (type.startsWith('@')) return messageOf(raw.bytes, type.slice(1), depth + 1);
  const read = scalars[type];
  if (read === undefined) throw new ProtobufError(`no reader for type '${type}'`);
  return read(raw);
};

const isZero = (value: Json): boolean =>
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const messageOf = (bytes: Buffer, name: string, depth: number): JsonObject => {
  const message = messages.get(name);
  if (message === undefined) throw new ProtobufError(`message ${name} is not known`);
  if (depth > maxDepth) throw new ProtobufError('the message is nested too deeply');
  const result: JsonObject = {};
  for (const raw of fieldsOf(bytes)) {
    const field = message.get(raw.number);
    if (field !== undefined) place(result, field, raw, depth);
  }
  return result;
};

const place = (result: JsonObject, field: Field, raw: Raw, depth: number): void => {
  if (field.isMap) {
    const entry = small(raw.bytes);
    const value = entry.get(2) ?? { number: 2, varint: 0n, bytes: Buffer.alloc(0) };
    const map = (result[field.name] ?? {}) as JsonObject;
    setKey(map, text(entry.get(1)), valueOf(value, field.type, depth));
    result[field.name] = map;
    return;
  }
  const value = valueOf(raw, field.type, depth);
  if (field.isRepeated) result[field.name] = [...((result[field.name] ?? []) as Json[]), value];
  else if (field.name === '') Object.assign(result, value);
  else if (field.keepsZero || !isZero(value)) result[field.name] = value;
};

/** An object in the Kubernetes protobuf envelope, as the JSON text it stands for. Throws ProtobufError. */
export const protobufToJson = (body: Buffer): string => {
  if (!body.subarray(0, 4).equals(magic)) throw new ProtobufError('the body does not begin with the Kubernetes prefix');
  const envelope = small(body.subarray(4));
  const type = small(envelope.get(1)?.bytes ?? Buffer.alloc(0));
  const kind = text(type.get(2));
  const content = messageOf(envelope.get(2)?.bytes ?? Buffer.alloc(0), kind, 0);
  return JSON.stringify({ apiVersion: text(type.get(1)), kind, ...content });
};
