/** `match` and `exclude` of a Kyverno rule. */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { GroupKind, ObjectKey, RequestedChange, TrackedView } from '../../contract.ts';
import { compileSelector, type CompiledSelector, selects } from '../../engine/selector.ts';
import { NotKnown, rolesOf, userInfoOf } from '../admission/asked.ts';
import { isInSelectedNamespace, labelSelectorSchema, selectorOf } from '../admission/match-resources.ts';
import { unobservedRequests } from '../unobserved-requests.ts';
import { labelsAt, objectAt, stringAt, stringsOf } from '../read-json.ts';
import { compileKindSelector, type KindSelector } from './kind-selector.ts';
import { matchesWildcard } from './wildcard.ts';

const names = z.array(z.string());

const resourcesSchema = z.strictObject({
  kinds: names.optional(),
  name: z.string().optional(),
  names: names.optional(),
  namespaces: names.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  selector: labelSelectorSchema.optional(),
  namespaceSelector: labelSelectorSchema.optional(),
  operations: z.array(z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT'])).optional(),
});

const subjectSchema = z.looseObject({ kind: z.string(), name: z.string(), namespace: z.string().optional() });

const filterSchema = z.strictObject({
  resources: resourcesSchema.optional(),
  subjects: z.array(subjectSchema).optional(),
  roles: names.optional(),
  clusterRoles: names.optional(),
});

const sectionSchema = filterSchema.extend({
  any: z.array(filterSchema).optional(),
  all: z.array(filterSchema).optional(),
});

export const matchSectionSchema = sectionSchema;
export type MatchSection = z.infer<typeof sectionSchema>;
type Filter = z.infer<typeof filterSchema>;
type Resources = z.infer<typeof resourcesSchema>;

/** What is asked about: the object, its key, who asks where that is known, and the cluster around. */
export type Question = {
  readonly object: JsonObject;
  readonly key: ObjectKey;
  readonly operation: string;
  /** The request that may say who asks; that of a state does not. */
  readonly asked: Pick<RequestedChange, 'request' | 'asking'>;
  readonly view: TrackedView;
};

export type SectionMatch = {
  judgesKind(kind: GroupKind): boolean;
  matches(question: Question): boolean;
  readonly readsNamespace: boolean;
  /** It asks who the requester is. */
  readonly readsRequester: boolean;
  /** Some of it is about what is there (as if it were created), not only about what is done to it. */
  readonly isOfState: boolean;
  /** Some of it is about deletions. */
  readonly isOfDeletion: boolean;
};

/** What of the section nothing can be said about (unobserved-requests.ts). */
export function unobservedIn({ any = [], all = [], ...own }: MatchSection): readonly string[] {
  return unobservedRequests(
    [own, ...any, ...all].map(({ resources }) => ({ names: resources?.kinds, operations: resources?.operations })),
  );
}

export function compileMatch(section: MatchSection): SectionMatch {
  const { any, all, ...own } = section;
  const hasOwn = Object.keys(own).length > 0;
  const alone = [...(hasOwn ? [own] : []), ...(any ?? [])].map(compileFilter);
  const together = (all ?? []).map(compileFilter);
  const filters = [...alone, ...together];
  return {
    readsNamespace: filters.some((filter) => filter.readsNamespace),
    readsRequester: filters.some((filter) => filter.readsRequester),
    isOfState: filters.length === 0 || filters.some((filter) => filter.isOfState),
    isOfDeletion: filters.some((filter) => filter.isOfDeletion),
    judgesKind: (kind) =>
      alone.some((filter) => filter.judgesKind(kind)) ||
      (together.length > 0 && together.every((filter) => filter.judgesKind(kind))),
    matches: (question) =>
      decides(true, alone, question) || (together.length > 0 && !decides(false, together, question)),
  };
}

/** Whether one of the filters answers so, whatever is not known to the others. */
function decides(answer: boolean, filters: readonly SectionMatch[], question: Question): boolean {
  let unknown: NotKnown | undefined;
  for (const filter of filters) {
    try {
      if (filter.matches(question) === answer) return true;
    } catch (thrown) {
      if (!(thrown instanceof NotKnown)) throw thrown;
      unknown ??= thrown;
    }
  }
  if (unknown !== undefined) throw unknown;
  return false;
}

function compileFilter({ resources = {}, subjects, roles, clusterRoles }: Filter): SectionMatch {
  const kinds = resources.kinds?.map(compileKindSelector);
  const labels = resources.selector && compileLabels(resources.selector);
  const namespace = resources.namespaceSelector && compileSelector(selectorOf(resources.namespaceSelector));
  const { operations } = resources;
  return {
    readsNamespace: namespace !== undefined,
    readsRequester: subjects !== undefined || roles !== undefined || clusterRoles !== undefined,
    isOfState: operations?.includes('CREATE') ?? true,
    isOfDeletion: operations?.includes('DELETE') ?? false,
    judgesKind: (kind) => kinds?.some((one) => one.judgesKind(kind)) ?? true,
    matches: (question) =>
      (operations?.some((one) => one === question.operation) ?? true) &&
      matchesResources(question, { resources, kinds, labels, namespace }) &&
      matchesRequester(question, { subjects, roles, clusterRoles }),
  };
}

type CompiledResources = {
  readonly resources: Resources;
  readonly kinds: readonly KindSelector[] | undefined;
  readonly labels: ((object: JsonObject) => boolean) | undefined;
  readonly namespace: CompiledSelector | undefined;
};

function matchesResources({ object, key, view }: Question, compiled: CompiledResources): boolean {
  const { resources, kinds, labels, namespace } = compiled;
  const { name, names: listed, namespaces, annotations } = resources;
  const within = key.group === '' && key.kind === 'Namespace' ? key.name : key.namespace;
  const named = stringAt(object, 'metadata', 'name') || stringAt(object, 'metadata', 'generateName');
  if (kinds?.some((one) => one.matches(object, key)) === false) return false;
  if (name !== undefined && !matchesWildcard(name, named)) return false;
  if (listed?.some((one) => matchesWildcard(one, named)) === false) return false;
  if (namespaces?.some((one) => matchesWildcard(one, within)) === false) return false;
  if (annotations !== undefined && !hasMembers(labelsAt(object, 'metadata', 'annotations'), annotations)) return false;
  if (labels?.(object) === false) return false;
  return namespace === undefined || isInSelectedNamespace(object, key, { view, selector: namespace });
}

/** Kyverno's label selectors may have wildcards in keys and values. */
function compileLabels({
  matchLabels = {},
  matchExpressions,
}: NonNullable<Resources['selector']>): (object: JsonObject) => boolean {
  const rest = compileSelector(selectorOf({ matchExpressions }));
  return (object) =>
    hasMembers(labelsAt(object, 'metadata', 'labels'), matchLabels) &&
    selects(rest, objectAt(object, 'metadata', 'labels'));
}

function hasMembers(own: ReadonlyMap<string, string>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) =>
    [...own].some(([name, text]) => matchesWildcard(key, name) && matchesWildcard(value, text)),
  );
}

type Requester = Pick<Filter, 'subjects' | 'roles' | 'clusterRoles'>;

/** Without a requester, as for what is there already, nothing about one holds. Throws NotKnown. */
function matchesRequester({ asked }: Question, { subjects, roles, clusterRoles }: Requester): boolean {
  if (subjects === undefined && roles === undefined && clusterRoles === undefined) return true;
  const userInfo = userInfoOf(asked);
  if (userInfo === undefined) return false;
  const has = (list: readonly string[] | undefined, field: 'roles' | 'clusterRoles') =>
    list === undefined ||
    stringsOf(rolesOf(asked, field)).some((one) => list.some((name) => matchesWildcard(name, one)));
  return (
    (subjects?.some((subject) => isSubject(userInfo, subject)) ?? true) &&
    has(roles, 'roles') &&
    has(clusterRoles, 'clusterRoles')
  );
}

function isSubject(userInfo: JsonObject, { kind, name, namespace }: z.infer<typeof subjectSchema>): boolean {
  if (kind === 'ServiceAccount')
    return matchesWildcard(`system:serviceaccount:${namespace ?? 'default'}:${name}`, stringAt(userInfo, 'username'));
  if (kind === 'User') return matchesWildcard(name, stringAt(userInfo, 'username'));
  return stringsOf(userInfo['groups']).some((group) => matchesWildcard(name, group));
}
