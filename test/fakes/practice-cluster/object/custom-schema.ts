import { type InvalidField, invalidValue, required } from '../status-error.ts';
import {
  cloneJson,
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  objectsAt,
  setKey,
  valueAt,
  textOf,
} from './json.ts';

const maxDepth = 64;

/**
 * A custom resource as its structural schema has it: unknown fields pruned, defaults filled in. Identity and metadata
 * are not the schema's business.
 */
export const withSchema = (object: JsonObject, schema: JsonObject): JsonObject => {
  const shaped = shape(object, schema, 0);
  const result: JsonObject = isObject(shaped) ? { ...shaped } : {};
  for (const key of ['apiVersion', 'kind', 'metadata']) {
    const value = valueAt(object, key);
    if (value !== undefined) result[key] = value;
  }
  return result;
};

const shape = (value: Json, schema: JsonObject, depth: number): Json => {
  if (depth > maxDepth) return value;
  if (Array.isArray(value)) {
    const items = objectAt(schema, 'items');
    return value.map((item) => shape(item, items, depth + 1));
  }
  if (!isObject(value)) return value;
  const properties = objectAt(schema, 'properties');
  const additional = valueAt(schema, 'additionalProperties');
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true || additional === true;
  const result: JsonObject = {};
  for (const [key, child] of Object.entries(value)) {
    const known = valueAt(properties, key) ?? (isObject(additional) ? additional : undefined);
    if (isObject(known)) setKey(result, key, shape(child, known, depth + 1));
    else if (keepsUnknown || schema['x-kubernetes-embedded-resource'] === true) setKey(result, key, child);
  }
  for (const [key, property] of Object.entries(properties)) {
    const value = valueAt(property, 'default');
    if (value !== undefined && !Object.hasOwn(result, key)) setKey(result, key, cloneJson(value));
  }
  return result;
};

const typeOf = (value: Json): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
};

/** What a custom resource breaks of its schema: types, required fields, enums, patterns and bounds. */
export const schemaProblems = (value: Json, schema: JsonObject, path = '', depth = 0): InvalidField[] => {
  if (depth > maxDepth) return [];
  const type = valueAt(schema, 'type');
  const actual = typeOf(value);
  if (value === null && schema['nullable'] === true) return [];
  const fits = type === undefined || type === actual || (type === 'number' && actual === 'integer');
  if (!fits && schema['x-kubernetes-int-or-string'] !== true) {
    return [
      {
        field: path,
        reason: 'FieldValueTypeInvalid',
        message: `Invalid value: ${JSON.stringify(actual)}: ${path} in body must be of type ${textOf(type)}: ${JSON.stringify(actual)}`,
      },
    ];
  }
  const own = scalarProblems(value, schema, path);
  if (Array.isArray(value)) {
    const items = objectAt(schema, 'items');
    return [...own, ...value.flatMap((item, index) => schemaProblems(item, items, `${path}[${index}]`, depth + 1))];
  }
  if (!isObject(value)) return own;
  const missing = (Array.isArray(schema['required']) ? schema['required'] : []).filter(
    (key) => !Object.hasOwn(value, textOf(key)),
  );
  const properties = objectAt(schema, 'properties');
  const inside = (key: string) => (path === '' ? key : `${path}.${key}`);
  return [
    ...own,
    ...missing.map((key) => required(inside(textOf(key)))),
    ...Object.entries(value).flatMap(([key, child]) => {
      const property = valueAt(properties, key);
      return isObject(property) && key !== 'metadata' ? schemaProblems(child, property, inside(key), depth + 1) : [];
    }),
  ];
};

const scalarProblems = (value: Json, schema: JsonObject, path: string): InvalidField[] => {
  const choices = valueAt(schema, 'enum');
  if (Array.isArray(choices) && !choices.includes(value)) {
    const supported = choices.map((choice) => JSON.stringify(choice)).join(', ');
    return [
      {
        field: path,
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`,
      },
    ];
  }
  const minimum = valueAt(schema, 'minimum');
  if (typeof value === 'number' && typeof minimum === 'number' && value < minimum) {
    return [invalidValue(path, String(value), `${path} in body should be greater than or equal to ${minimum}`)];
  }
  return [];
};

/** Names, versions and scope that a CustomResourceDefinition must have to be served. */
export const definitionProblems = (crd: JsonObject): InvalidField[] => {
  const spec = objectAt(crd, 'spec');
  const names = objectAt(spec, 'names');
  const name = textOf(objectAt(crd, 'metadata')['name']);
  const wanted = `${textOf(names['plural'])}.${textOf(spec['group'])}`;
  const versions = objectsAt(spec, 'versions');
  const storing = versions.filter((version) => version['storage'] === true);
  return [
    ...(name === wanted ? [] : [invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group')]),
    ...(typeof names['kind'] === 'string' ? [] : [required('spec.names.kind')]),
    ...(spec['scope'] === 'Namespaced' || spec['scope'] === 'Cluster' ? [] : [required('spec.scope')]),
    ...(storing.length === 1
      ? []
      : [
          invalidValue(
            'spec.versions',
            String(storing.length),
            'must have exactly one version marked as storage version',
          ),
        ]),
  ];
};
