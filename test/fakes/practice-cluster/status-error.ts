import type { JsonObject } from './object/json.ts';

/** A `Status` object of kind Failure, as the API server answers it. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Continue token that a 410 of a list offers, see list.ts. */
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    extra: { details?: JsonObject | undefined; retryAfterSeconds?: number; continueToken?: string } = {},
  ) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = extra.details;
    this.retryAfterSeconds = extra.retryAfterSeconds;
    this.continueToken = extra.continueToken;
  }

  toStatus(): JsonObject {
    const details =
      this.retryAfterSeconds === undefined
        ? this.details
        : { ...this.details, retryAfterSeconds: this.retryAfterSeconds };
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(details === undefined ? {} : { details }),
      code: this.code,
    };
  }
}

export type ObjectName = { readonly group: string; readonly resource: string; readonly name: string };

const detailsOf = (object: ObjectName): JsonObject => ({
  name: object.name,
  ...(object.group === '' ? {} : { group: object.group }),
  kind: object.resource,
});
const qualified = (object: ObjectName) =>
  `${object.resource}${object.group === '' ? '' : `.${object.group}`} "${object.name}"`;

export const notFound = (object: ObjectName) =>
  new StatusError(404, 'NotFound', `${qualified(object)} not found`, { details: detailsOf(object) });

export const alreadyExists = (object: ObjectName) =>
  new StatusError(409, 'AlreadyExists', `${qualified(object)} already exists`, { details: detailsOf(object) });

export const conflict = (
  object: ObjectName,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
) =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(object)}: ${why}`, {
    details: detailsOf(object),
  });

export const forbidden = (object: ObjectName, why: string) =>
  new StatusError(403, 'Forbidden', `${qualified(object)} is forbidden: ${why}`, { details: detailsOf(object) });

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message);

export const noSuchResource = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', { details: {} });

export const rejectedRequest = () =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', { details: {} });

export const methodNotAllowed = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

export const expired = (message: string, continueToken?: string) =>
  new StatusError(410, 'Expired', message, continueToken === undefined ? {} : { continueToken });

export type InvalidField = { readonly field: string; readonly reason: string; readonly message: string };

export const invalid = (of: { group: string; kind: string; name: string }, causes: readonly InvalidField[]) => {
  const text = causes.map((cause) => `${cause.field}: ${cause.message}`);
  return new StatusError(
    422,
    'Invalid',
    `${of.kind}${of.group === '' ? '' : `.${of.group}`} "${of.name}" is invalid: ${text.length === 1 ? text[0] : `[${text.join(', ')}]`}`,
    {
      details: {
        ...(of.name === '' ? {} : { name: of.name }),
        ...(of.group === '' ? {} : { group: of.group }),
        kind: of.kind,
        causes: causes.map((cause) => ({ reason: cause.reason, message: cause.message, field: cause.field })),
      },
    },
  );
};

export const invalidValue = (field: string, value: string, why: string): InvalidField => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});
export const required = (field: string, why = ''): InvalidField => ({
  field,
  reason: 'FieldValueRequired',
  message: why === '' ? 'Required value' : `Required value: ${why}`,
});
