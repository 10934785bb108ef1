/**
 * Static types of CEL expressions. One uniform shape, so that substitution and comparison need no case per type:
 * `name` tells opaque and object types apart, `params` are the type arguments.
 */
export type TypeKind =
  | 'dyn'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'list'
  | 'map'
  | 'type'
  | 'opaque'
  | 'object'
  | 'wrapper'
  | 'param';

export type CelType = {
  readonly kind: TypeKind;
  readonly name: string;
  readonly params: readonly CelType[];
  /** Declared fields of an object type; undefined: any field may be selected, and is dyn. */
  readonly fields?: Readonly<Record<string, CelType>>;
};

const plain = (kind: TypeKind, name: string = kind): CelType => ({ kind, name, params: [] });

export const dynType = plain('dyn');
export const nullType = plain('null', 'null_type');
export const boolType = plain('bool');
export const intType = plain('int');
export const uintType = plain('uint');
export const doubleType = plain('double');
export const stringType = plain('string');
export const bytesType = plain('bytes');
export const timestampType = plain('timestamp', 'google.protobuf.Timestamp');
export const durationType = plain('duration', 'google.protobuf.Duration');

const primitives: ReadonlyMap<TypeKind, CelType> = new Map(
  [boolType, intType, uintType, doubleType, stringType, bytesType, nullType].map((type) => [type.kind, type]),
);

/** The type of a literal. */
export const literalType = (kind: TypeKind): CelType => primitives.get(kind) ?? dynType;

export const listType = (element: CelType): CelType => ({ kind: 'list', name: 'list', params: [element] });
export const mapType = (key: CelType, value: CelType): CelType => ({ kind: 'map', name: 'map', params: [key, value] });
export const typeType = (of: CelType = dynType): CelType => ({ kind: 'type', name: 'type', params: [of] });
export const opaqueType = (name: string, ...params: readonly CelType[]): CelType => ({ kind: 'opaque', name, params });
export const optionalType = (of: CelType): CelType => opaqueType('optional_type', of);
/** A primitive that may also be null. */
export const wrapperType = (of: CelType): CelType => ({ kind: 'wrapper', name: 'wrapper', params: [of] });
export const paramType = (name: string): CelType => plain('param', name);

/**
 * An object with these fields and no others: selecting another is a compile error. At run time it is a JSON object,
 * and a declared field that is not there is an ordinary missing key.
 */
export const objectType = (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
  kind: 'object',
  name,
  params: [],
  fields,
});

export const isOptional = (type: CelType): boolean => type.kind === 'opaque' && type.name === 'optional_type';

export const first = (type: CelType): CelType => type.params[0] ?? dynType;
export const second = (type: CelType): CelType => type.params[1] ?? dynType;

/** As cel-go writes types in its errors: `map(string, list(int))`. */
export function formatType(type: CelType): string {
  if (type.kind === 'type' && first(type).kind === 'dyn') return 'type';
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(formatType).join(', ')})`;
}

export function sameType(a: CelType, b: CelType): boolean {
  return (
    a === b ||
    (a.kind === b.kind &&
      a.name === b.name &&
      a.params.length === b.params.length &&
      a.params.every((param, i) => sameType(param, b.params[i] ?? dynType)))
  );
}
