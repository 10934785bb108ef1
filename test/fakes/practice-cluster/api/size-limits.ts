/** How large and how deep things may be, answered as the API server and its store answer. */
import { isObject, type Json, type JsonObject, objectAt, textOf } from '../object/json.ts';
import { badRequest, type InvalidField, StatusError } from '../status-error.ts';

/** Bytes of a request body. */
export const maxBodyBytes = 3 * 1024 * 1024;
/** Bytes of one object in the store: etcd's limit of a request. */
const maxStoredBytes = 1536 * 1024;
/** Bytes of all values of a ConfigMap or a Secret. */
const maxDataBytes = 1024 * 1024;
/** Levels of objects and lists in a body. Patches of what is stored may add as many again. */
const maxDepth = 512;

export const bodyTooLarge = (): StatusError =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);

/** Throws the 400 of a JSON decoder that has had enough. */
export const refuseDeep = (value: Json): void => {
  let level: readonly Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw badRequest(`error decoding: json: exceeded max depth (${maxDepth})`);
    level = level.flatMap((one) => (Array.isArray(one) ? one : isObject(one) ? Object.values(one) : []));
  }
};

/** Throws the 413 of an object that the store does not take, and the 400 of one that patches made too deep. */
export const refuseLarge = (object: JsonObject): void => {
  refuseDeep(object);
  if (Buffer.byteLength(JSON.stringify(object)) > maxStoredBytes)
    throw new StatusError(413, 'RequestEntityTooLarge', 'etcdserver: request is too large');
};

/** Secrets carry base64, which counts as what it stands for; so does binaryData. */
export const dataSizeProblems = (object: JsonObject, field: string): InvalidField[] => {
  const isSecret = object['kind'] === 'Secret';
  const sizeOf = (of: string, isBase64: boolean) =>
    Object.values(objectAt(object, of)).reduce<number>(
      (sum, value) => sum + Buffer.byteLength(textOf(value), isBase64 ? 'base64' : 'utf8'),
      0,
    );
  const total = sizeOf('data', isSecret) + sizeOf('binaryData', true);
  if (total <= maxDataBytes) return [];
  return [{ field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${maxDataBytes} bytes` }];
};
