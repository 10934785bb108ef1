import { isObject, type JsonObject } from '../object/json.ts';
import { badRequest } from '../status-error.ts';
import { parseBody } from './body.ts';
import type { Call } from './request.ts';

/** A Scale from the body of an update. */
export const decodeScale = (call: Call): JsonObject => {
  const value = parseBody(call.request.body, false);
  if (!isObject(value) || value['kind'] !== 'Scale') throw badRequest('the object provided is not a Scale');
  return value;
};
