/** `paramRef`: the objects of the cluster that a binding gives its policy as `params`. */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { GroupKind, ObjectKey, TrackedView } from '../../contract.ts';
import { groupOf } from '../pod-template.ts';
import { labelSelectorSchema, selectorOf } from './match-resources.ts';

export const paramKindSchema = z.strictObject({ apiVersion: z.string().min(1), kind: z.string().min(1) });

export const paramRefSchema = z
  .strictObject({
    name: z.string().optional(),
    namespace: z.string().optional(),
    selector: labelSelectorSchema.optional(),
    parameterNotFoundAction: z.enum(['Allow', 'Deny']).optional(),
  })
  .refine(({ name, selector }) => (name === undefined) !== (selector === undefined), {
    message: 'needs exactly one of name and selector',
    path: ['name'],
  });

export type ParamRef = z.infer<typeof paramRefSchema>;

export type Params = {
  readonly kind: GroupKind;
  /** Every object that the reference gives for this object; `isMissing` when there is none and that is a failure. */
  read(key: ObjectKey, view: TrackedView): { readonly objects: readonly JsonObject[]; readonly isMissing: boolean };
};

/** A reference without a namespace means the namespace of the judged object, or the cluster scope for one without. */
export function createParams(paramKind: z.infer<typeof paramKindSchema>, ref: ParamRef): Params {
  const kind: GroupKind = { group: groupOf(paramKind.apiVersion), kind: paramKind.kind };
  const { name, selector, parameterNotFoundAction = 'Deny' } = ref;
  return {
    kind,
    read(key, view) {
      const namespace = ref.namespace ?? key.namespace;
      const objects =
        name === undefined
          ? view.list({ ...kind, namespace, ...(selector === undefined ? {} : { selector: selectorOf(selector) }) })
          : named(view, { ...kind, name }, namespace);
      return { objects, isMissing: objects.length === 0 && parameterNotFoundAction === 'Deny' };
    },
  };
}

/** A kind of parameters may be cluster-scoped, which the reference does not say. */
function named(
  view: TrackedView,
  one: GroupKind & { readonly name: string },
  namespace: string,
): readonly JsonObject[] {
  const scopes = namespace === '' ? [''] : [namespace, ''];
  for (const scope of scopes) {
    const object = view.get({ ...one, namespace: scope });
    if (object !== undefined) return [object];
  }
  return [];
}
