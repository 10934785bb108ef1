/** `spec.match` of a Gatekeeper constraint: which objects it is about. */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { GroupKind, ObjectKey, TrackedView } from '../../contract.ts';
import { compileSelector, selects } from '../../engine/selector.ts';
import { isInSelectedNamespace, labelSelectorSchema, selectorOf } from '../admission/match-resources.ts';
import { objectAt } from '../read-json.ts';

const names = z.array(z.string());

export const constraintMatchSchema = z.strictObject({
  kinds: z.array(z.strictObject({ apiGroups: names.optional(), kinds: names.optional() })).optional(),
  scope: z.enum(['*', 'Cluster', 'Namespaced']).optional(),
  namespaces: names.optional(),
  excludedNamespaces: names.optional(),
  labelSelector: labelSelectorSchema.optional(),
  namespaceSelector: labelSelectorSchema.optional(),
  name: z.string().optional(),
  /** Generated are the pods that an expansion makes of a controller's template; there are none of them here. */
  source: z.enum(['All', 'Generated', 'Original']).optional(),
});

export type ConstraintMatch = {
  judgesKind(kind: GroupKind): boolean;
  appliesTo(object: JsonObject, key: ObjectKey, view: TrackedView): boolean;
  readonly readsNamespace: boolean;
};

export function createConstraintMatch(match: z.infer<typeof constraintMatchSchema>): ConstraintMatch {
  const { kinds, scope = '*', name, source } = match;
  const included = match.namespaces?.map(pattern);
  const excluded = match.excludedNamespaces?.map(pattern) ?? [];
  const matchesName = name === undefined ? undefined : pattern(name);
  const labels = compileSelector(selectorOf(match.labelSelector ?? {}));
  const namespace = compileSelector(selectorOf(match.namespaceSelector ?? {}));
  const readsNamespace = namespace.requirements.length > 0;
  return {
    readsNamespace,
    judgesKind: ({ group, kind }) =>
      kinds === undefined ||
      kinds.length === 0 ||
      kinds.some((one) => allows(one.apiGroups, group) && allows(one.kinds, kind)),
    appliesTo(object, key, view) {
      if (source === 'Generated' || !inScope(scope, key)) return false;
      if (matchesName?.(key.name) === false) return false;
      const within = key.group === '' && key.kind === 'Namespace' ? key.name : key.namespace;
      if (within !== '' && included?.some((matches) => matches(within)) === false) return false;
      if (within !== '' && excluded.some((matches) => matches(within))) return false;
      if (!selects(labels, objectAt(object, 'metadata', 'labels'))) return false;
      return !readsNamespace || isInSelectedNamespace(object, key, { view, selector: namespace });
    },
  };
}

function allows(list: readonly string[] | undefined, one: string): boolean {
  return list === undefined || list.length === 0 || list.includes('*') || list.includes(one);
}

/** A Namespace is cluster-scoped itself. */
function inScope(scope: '*' | 'Cluster' | 'Namespaced', { namespace }: ObjectKey): boolean {
  return scope === '*' || (scope === 'Namespaced') === (namespace !== '');
}

/** A name, or one with `*` at its beginning, its end or both. */
function pattern(text: string): (name: string) => boolean {
  const starts = text.endsWith('*');
  const ends = text.startsWith('*');
  const part = text.slice(ends ? 1 : 0, starts && text.length > (ends ? 1 : 0) ? -1 : undefined);
  if (starts && ends) return (name) => name.includes(part);
  if (starts) return (name) => name.startsWith(part);
  if (ends) return (name) => name.endsWith(part);
  return (name) => name === part;
}
