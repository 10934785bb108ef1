import type { Authorizer } from '../access/authorizer.ts';
import { type Attributes, type Caller, callerOf } from '../access/caller.ts';
import type { Tokens } from '../access/tokens.ts';
import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from '../object/json.ts';
import { badRequest, methodNotAllowed } from '../status-error.ts';
import { parseBody } from './body.ts';
import { type Call, objectReply, type Reply } from './request.ts';

export type Reviews = { readonly authorizer: Authorizer; readonly tokens: Tokens };

/** The kinds that answer a question about access instead of storing anything. */
export const serveReview = (call: Call, kind: string, parts: Reviews): Reply => {
  if (call.attributes.verb !== 'create') throw methodNotAllowed();
  const review = parseBody(call.request.body, false);
  if (!isObject(review) || review['kind'] !== kind) throw badRequest(`the object provided is not a ${kind}`);
  const metadata = { ...objectAt(review, 'metadata'), creationTimestamp: null };
  return objectReply({ ...review, metadata, status: answer(call, kind, objectAt(review, 'spec'), parts) }, 201);
};

const userInfo = (caller: Caller): JsonObject => ({
  username: caller.name,
  ...(caller.uid === '' ? {} : { uid: caller.uid }),
  groups: [...caller.groups],
});

const answer = (call: Call, kind: string, spec: JsonObject, parts: Reviews): JsonObject => {
  if (kind === 'SelfSubjectReview') return { userInfo: userInfo(call.caller) };
  if (kind === 'TokenReview') {
    const caller = parts.tokens.authenticate(stringAt(spec, 'token'));
    return caller === undefined ? { authenticated: false, user: {} } : { authenticated: true, user: userInfo(caller) };
  }
  if (kind === 'SelfSubjectRulesReview')
    return rulesStatus(parts.authorizer.rules(call.caller, stringAt(spec, 'namespace')), call.caller);
  const isSelf = kind === 'SelfSubjectAccessReview';
  const caller = isSelf ? call.caller : callerOf(stringAt(spec, 'user'), arrayAt(spec, 'groups').map(String));
  const decision = parts.authorizer.authorize(caller, reviewed(spec));
  return { allowed: decision.allowed, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
};

const reviewed = (spec: JsonObject): Attributes => {
  const resource = spec['resourceAttributes'];
  const path = objectAt(spec, 'nonResourceAttributes');
  const wanted = isObject(resource) ? resource : path;
  return {
    verb: stringAt(wanted, 'verb'),
    isResource: isObject(resource),
    group: stringAt(wanted, 'group'),
    version: stringAt(wanted, 'version'),
    resource: stringAt(wanted, 'resource'),
    subresource: stringAt(wanted, 'subresource'),
    namespace: stringAt(wanted, 'namespace'),
    name: stringAt(wanted, 'name'),
    path: stringAt(path, 'path'),
  };
};

const rulesStatus = (rules: readonly JsonObject[], caller: Caller): JsonObject => {
  const all = caller.groups.includes('system:masters')
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]
    : rules;
  return {
    resourceRules: all.filter((rule) => 'resources' in rule),
    nonResourceRules: all.filter((rule) => 'nonResourceURLs' in rule),
    incomplete: false,
  };
};
