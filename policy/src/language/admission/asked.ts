/**
 * The request of an observed change, as policies see it. What only the requester's client knew (options, uid, and who it
 * was while no audit event tells) is neither absent nor empty: reading it ends in "not known", which nothing mistakes for
 * an answer.
 */
import type { Json, JsonObject } from '@driftline/proto';
import type { Asking, RequestedChange } from '../../contract.ts';
import { CelError, LazyFields, type Value } from '../../cel/index.ts';
import { objectAt } from '../read-json.ts';

/** Ends an evaluation that asked for what is not known. */
export class NotKnown extends Error {
  constructor(field: string) {
    super(`request.${field} is not known`);
  }
}

/** Fields of AdmissionRequest that an observed change does not show. */
export const requesterFields: readonly string[] = ['userInfo', 'options', 'uid'];
const userFields = ['username', 'groups', 'uid', 'extra'] as const;
/** What Kyverno adds to a request. */
const roleFields = ['roles', 'clusterRoles'] as const;

function knownUserField({ requester }: Asking, field: string): Json | undefined {
  if (field === 'username') return requester?.username;
  return field === 'groups' ? requester?.groups : undefined;
}

/** `request` for CEL: an unknown field is an error, which `||`, `&&` and conditions absorb where it does not matter. */
export function requestValue({ request, asking }: RequestedChange): Value {
  if (asking === undefined) return request;
  const unknown = (field: string): CelError => {
    asking.note(field);
    return new CelError('unknown', `request.${field} is not known`);
  };
  const userInfo = new LazyFields((field) => knownUserField(asking, field) ?? unknown(`userInfo.${field}`));
  return new LazyFields((field) => {
    if (field === 'userInfo') return userInfo;
    if (requesterFields.includes(field)) return unknown(field);
    return Object.hasOwn(request, field) ? request[field] : undefined;
  });
}

/** `request` as data whose unknown fields throw NotKnown when they are read. */
export function requestData({ request, asking }: RequestedChange): JsonObject {
  if (asking === undefined) return request;
  const throwing = (field: string) => (): never => {
    asking.note(field);
    throw new NotKnown(field);
  };
  const data: JsonObject = { ...request };
  for (const field of [...requesterFields, ...roleFields]) defineField(data, field, throwing(field));
  defineField(data, 'userInfo', () => userInfoOf({ request, asking }) ?? null);
  return data;
}

/** Of a state there is none, and undefined. */
export function userInfoOf({ request, asking }: Pick<RequestedChange, 'request' | 'asking'>): JsonObject | undefined {
  if (asking === undefined) return objectAt(request, 'userInfo');
  const userInfo: JsonObject = {};
  for (const field of userFields)
    defineField(userInfo, field, () => {
      const known = knownUserField(asking, field);
      if (known !== undefined) return known;
      asking.note(`userInfo.${field}`);
      throw new NotKnown(`userInfo.${field}`);
    });
  return userInfo;
}

/** Kyverno's roles of the requester are worked out by its controller; no audit event has them. */
export function rolesOf(
  { request, asking }: Pick<RequestedChange, 'request' | 'asking'>,
  field: (typeof roleFields)[number],
): Json | undefined {
  if (asking === undefined) return objectAt(request, 'userInfo')?.[field];
  asking.note(field);
  throw new NotKnown(field);
}

function defineField(data: JsonObject, name: string, get: () => Json): void {
  Object.defineProperty(data, name, { enumerable: true, configurable: true, get });
}
