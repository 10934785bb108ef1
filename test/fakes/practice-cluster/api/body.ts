import { isAlias, parseDocument, visit } from 'yaml';
import { isObject, type Json, type JsonObject, objectAt, stringAt } from '../object/json.ts';
import { duplicateFields } from '../object/strict-json.ts';
import { unknownFields } from '../object/known-fields.ts';
import { badRequest, StatusError } from '../status-error.ts';
import { apiVersionOf, groupOf, type Kind } from '../store/kind.ts';
import type { Call } from './request.ts';
import { refuseDeep } from './size-limits.ts';

export const mediaType = (call: Call): string =>
  (call.request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

export const unsupportedMediaType = () =>
  new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });

/** JSON or YAML text as a JSON value; what cannot be read, or is nested too deep, is a 400. YAML aliases are refused. */
export const parseBody = (text: string, isYaml: boolean): Json => {
  const value = parseText(text, isYaml);
  refuseDeep(value);
  return value;
};

const parseText = (text: string, isYaml: boolean): Json => {
  try {
    if (!isYaml) return JSON.parse(text) as Json;
    const document = parseDocument(text, { uniqueKeys: false });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    visit(document, (_key, node) => {
      if (isAlias(node)) throw new Error('aliases are not supported');
      return undefined;
    });
    return JSON.parse(JSON.stringify(document.toJS() ?? null)) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized: couldn't get version/kind; json parse error: ${why}`);
  }
};

/** The object in the body of a create or update, in the storage version, with the warnings of field validation. */
export const decodeObject = (call: Call, kind: Kind): { object: JsonObject; warnings: string[] } => {
  const type = mediaType(call);
  if (type !== 'application/json' && type !== 'application/yaml') throw unsupportedMediaType();
  const value = parseBody(call.request.body, type === 'application/yaml');
  const object = asKind(value, kind);
  const duplicates = type === 'application/json' ? duplicateFields(call.request.body) : [];
  return { object, warnings: checkFields(call, kind, object, duplicates) };
};

/** Checks that a value is an object of the kind, and gives it in the storage version. */
export const asKind = (value: Json, kind: Kind): JsonObject => {
  if (!isObject(value)) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind})`);
  const apiVersion = stringAt(value, 'apiVersion');
  const name = stringAt(value, 'kind');
  if (apiVersion === '' && name === '') return storedAs(value, kind);
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  if (name !== kind.kind || groupOf(apiVersion) !== kind.group || !kind.versions.includes(version)) {
    throw badRequest(`${name} in version "${version}" cannot be handled as a ${kind.kind}`);
  }
  return storedAs(value, kind);
};

const storedAs = (value: JsonObject, kind: Kind): JsonObject => {
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = value;
  return { apiVersion: apiVersionOf(kind.group, kind.storageVersion), kind: kind.kind, ...rest };
};

/** Field validation: Strict refuses, Warn (the default) answers warnings, Ignore says nothing. */
export const checkFields = (call: Call, kind: Kind, object: JsonObject, duplicates: readonly string[]): string[] => {
  const mode = call.query.get('fieldValidation') ?? 'Warn';
  if (mode === 'Ignore') return [];
  const unknown = kind.custom === undefined ? unknownFields(object) : [];
  const problems = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (mode === 'Strict' && problems.length > 0) {
    throw badRequest(
      `${kind.kind} in version "${call.attributes.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${problems.join(', ')}`,
    );
  }
  return problems;
};

/** DeleteOptions from the body and the query; the body wins. */
export const deleteOptions = (call: Call) => {
  const body = call.request.body === '' ? {} : parseBody(call.request.body, mediaType(call) === 'application/yaml');
  const options = isObject(body) ? body : {};
  const grace =
    options['gracePeriodSeconds'] ??
    (call.query.has('gracePeriodSeconds') ? Number(call.query.get('gracePeriodSeconds')) : undefined);
  const preconditions = objectAt(options, 'preconditions');
  const dryRun = [...(Array.isArray(options['dryRun']) ? options['dryRun'] : []), ...call.query.getAll('dryRun')];
  return {
    graceSeconds: typeof grace === 'number' ? grace : undefined,
    propagation: stringAt(options, 'propagationPolicy') || (call.query.get('propagationPolicy') ?? ''),
    uid: stringAt(preconditions, 'uid'),
    resourceVersion: stringAt(preconditions, 'resourceVersion'),
    isDryRun: dryRun.includes('All'),
  };
};

export type DeleteOptions = ReturnType<typeof deleteOptions>;
