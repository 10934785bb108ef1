/** `matchConstraints` and `matchResources`: which objects an admission policy is about. */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { ChangedKind, Fact, GroupKind, LabelSelector, ObjectKey, TrackedView } from '../../contract.ts';
import { compileSelector, type CompiledSelector, selects } from '../../engine/selector.ts';
import { objectAt, stringAt } from '../read-json.ts';
import { unobservedRequests } from '../unobserved-requests.ts';
import { resourceNameOf } from './resource-name.ts';

const names = z.array(z.string());

export const labelSelectorSchema = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string().trim().min(1),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: names.optional(),
      }),
    )
    .optional(),
});

const ruleSchema = z.strictObject({
  apiGroups: names.optional(),
  apiVersions: names.optional(),
  operations: names.optional(),
  resources: names.optional(),
  resourceNames: names.optional(),
  scope: z.enum(['*', 'Cluster', 'Namespaced']).optional(),
});

export const matchResourcesSchema = z.strictObject({
  resourceRules: z.array(ruleSchema).optional(),
  excludeResourceRules: z.array(ruleSchema).optional(),
  namespaceSelector: labelSelectorSchema.optional(),
  objectSelector: labelSelectorSchema.optional(),
  matchPolicy: z.enum(['Equivalent', 'Exact']).optional(),
});

export type MatchResources = z.infer<typeof matchResourcesSchema>;
type Rule = z.infer<typeof ruleSchema>;

/** What an observed change was, beside its object: the other form of it counts for the object selector, too. */
export type Asked = {
  readonly operation: string;
  readonly resource: string;
  readonly other: JsonObject | undefined;
};

export type ResourceMatch = {
  judgesKind(kind: GroupKind): boolean;
  /** Whether some operation that changes objects of the kind is concerned. */
  judgesChangesOf(kind: ChangedKind): boolean;
  /** Reads the object's Namespace when a selector asks for its labels. Without `asked` it is about a state. */
  appliesTo(object: JsonObject, key: ObjectKey, view: TrackedView, asked?: Asked): boolean;
  readonly readsNamespace: boolean;
  /** What of it nothing can be said about (unobserved-requests.ts). */
  readonly unobserved: readonly string[];
  /** Some of it is about what is there, not only about deletions and connections. */
  readonly isOfState: boolean;
};

export function createResourceMatch(match: MatchResources | undefined): ResourceMatch {
  const { resourceRules, excludeResourceRules = [], matchPolicy } = match ?? {};
  const namespaceSelector = compileOptional(match?.namespaceSelector);
  const objectSelector = compileOptional(match?.objectSelector);
  const isExact = matchPolicy === 'Exact';
  const isConcerned = (rule: Rule, object: JsonObject, key: ObjectKey, asked: Asked | undefined) =>
    (asked === undefined ? ofState(rule) : ofOperation(rule, asked.operation)) &&
    namesKind(rule, asked === undefined ? withResource(key) : { ...key, resource: asked.resource }) &&
    namesVersion(rule, object, isExact) &&
    inScope(rule, key) &&
    (isEmpty(rule.resourceNames) || rule.resourceNames.includes(key.name));
  return {
    readsNamespace: namespaceSelector !== undefined,
    unobserved: unobservedRequests(
      (resourceRules ?? []).map(({ resources, operations }) => ({ names: resources, operations })),
    ),
    isOfState: resourceRules?.some(ofState) ?? true,
    judgesKind: (kind) => resourceRules?.some((rule) => ofState(rule) && namesKind(rule, withResource(kind))) ?? true,
    judgesChangesOf: (kind) =>
      resourceRules?.some(
        (rule) => changing.some((operation) => ofOperation(rule, operation)) && namesKind(rule, kind),
      ) ?? true,
    appliesTo(object, key, view, asked) {
      if (resourceRules?.some((rule) => isConcerned(rule, object, key, asked)) === false) return false;
      if (excludeResourceRules.some((rule) => isConcerned(rule, object, key, asked))) return false;
      const forms = [object, asked?.other].filter((form) => form !== undefined);
      if (objectSelector !== undefined && !forms.some((form) => selects(objectSelector, labelsOf(form)))) return false;
      return (
        namespaceSelector === undefined || isInSelectedNamespace(object, key, { view, selector: namespaceSelector })
      );
    },
  };
}

type Selector = z.infer<typeof labelSelectorSchema>;

function isEmpty(list: readonly string[] | undefined): list is undefined {
  return list === undefined || list.length === 0;
}

/** Undefined selects everything, as an empty one does. */
function compileOptional(selector: Selector | undefined): CompiledSelector | undefined {
  const compiled = selector === undefined ? undefined : compileSelector(selectorOf(selector));
  return compiled === undefined || compiled.requirements.length === 0 ? undefined : compiled;
}

function labelsOf(object: JsonObject): JsonObject | undefined {
  return objectAt(object, 'metadata', 'labels');
}

export function selectorOf({ matchLabels, matchExpressions }: Selector): LabelSelector {
  return {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    ...(matchExpressions === undefined
      ? {}
      : {
          matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
            key,
            operator,
            ...(values === undefined ? {} : { values }),
          })),
        }),
  };
}

/** A rule about deletions and connections alone says nothing of what is there. */
function ofState({ operations }: Rule): boolean {
  return isEmpty(operations) || operations.some((operation) => ['*', 'CREATE', 'UPDATE'].includes(operation));
}

const changing = ['CREATE', 'UPDATE', 'DELETE'] as const;

function ofOperation({ operations }: Rule, operation: string): boolean {
  return isEmpty(operations) || operations.includes('*') || operations.includes(operation);
}

/** Of a state only its kind is known, and its plural is guessed. */
function withResource({ group, kind }: GroupKind): ChangedKind {
  return { group, kind, resource: resourceNameOf(kind) };
}

function namesKind({ apiGroups, resources }: Rule, { group, resource }: ChangedKind): boolean {
  if (!isEmpty(apiGroups) && !apiGroups.includes('*') && !apiGroups.includes(group)) return false;
  if (isEmpty(resources)) return true;
  return resources.some((one) => one === '*' || one === '*/*' || one === resource || one === `${resource}/*`);
}

/** Versions of one storage are equivalent unless the policy asks for exactly those it names. */
function namesVersion({ apiVersions }: Rule, object: JsonObject, isExact: boolean): boolean {
  if (!isExact || isEmpty(apiVersions) || apiVersions.includes('*')) return true;
  const apiVersion = stringAt(object, 'apiVersion');
  return apiVersions.includes(apiVersion.slice(apiVersion.indexOf('/') + 1));
}

function inScope({ scope = '*' }: Rule, { namespace }: ObjectKey): boolean {
  if (scope === '*') return true;
  return (scope === 'Namespaced') === (namespace !== '');
}

const namespaceLabels: Fact<JsonObject> = {
  name: 'namespace-labels',
  group: '',
  kind: 'Namespace',
  project: (namespace) => labelsOf(namespace) ?? {},
};

/** Cluster-scoped objects are not held back by a namespace selector; a Namespace is selected by its own labels. */
export function isInSelectedNamespace(
  object: JsonObject,
  key: ObjectKey,
  { view, selector }: { readonly view: TrackedView; readonly selector: CompiledSelector },
): boolean {
  if (key.group === '' && key.kind === 'Namespace') return selects(selector, labelsOf(object));
  if (key.namespace === '') return true;
  const namespace = { group: '', kind: 'Namespace', namespace: '', name: key.namespace };
  return selects(selector, view.fact(namespaceLabels, namespace));
}
