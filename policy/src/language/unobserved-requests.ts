/**
 * Requests of which nothing can be observed: those that change no object, and those whose subresource no version tells.
 * A policy may be about them, and then says nothing here; that must not look like an answer.
 */

/** Kinds of request bodies that are no objects. */
const requestKinds: ReadonlySet<string> = new Set([
  'Binding',
  'Eviction',
  'LocalSubjectAccessReview',
  'NodeProxyOptions',
  'PodAttachOptions',
  'PodExecOptions',
  'PodPortForwardOptions',
  'PodProxyOptions',
  'Scale',
  'SelfSubjectAccessReview',
  'SelfSubjectReview',
  'SelfSubjectRulesReview',
  'ServiceProxyOptions',
  'SubjectAccessReview',
  'TokenRequest',
  'TokenReview',
]);

/** `pods/exec`, `v1/Pod/exec`; not `pods/*`, which has the objects in it, nor `v1/Pod`. */
const subresource = /\/[a-z]+$/;

/** What a policy is about, as it writes it: `pods/exec`, `Pod/exec`, `PodExecOptions`; without operations, all are meant. */
export type RequestMatch = {
  readonly names?: readonly string[] | undefined;
  readonly operations?: readonly string[] | undefined;
};

/** Those of them that cannot be observed, each once, in order. */
export function unobservedRequests(matches: readonly RequestMatch[]): readonly string[] {
  return [...new Set(matches.flatMap(unobservedOf))].sort();
}

function unobservedOf({ names = [], operations = [] }: RequestMatch): readonly string[] {
  if (operations.length > 0 && operations.every((operation) => operation === 'CONNECT'))
    return names.length === 0 ? ['CONNECT'] : names;
  return names.filter((name) => subresource.test(name) || requestKinds.has(name.slice(name.lastIndexOf('/') + 1)));
}

/** What is said of them where a policy is loaded. */
export const unobservedReason = (requests: readonly string[]): string =>
  `requests for ${requests.join(', ')} are not evaluated: changes of objects are, by whatever subresource they came`;
