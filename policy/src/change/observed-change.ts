/** A recorded version as the request that admission policies are about. */
import type { JsonObject, Op } from '@driftline/proto';
import type { ChangedKind, ObjectKey } from '../contract.ts';
import type { ObservedChange } from './judge-change.ts';

/** The object before, of the same uid, and after; made when they are asked for. */
export type ChangeForms = {
  before(): JsonObject | undefined;
  after(): JsonObject | undefined;
  /** JSON of the object before, where it is at hand. */
  readonly beforeText?: string | undefined;
};

const isMarked = (object: JsonObject | undefined): boolean => {
  const metadata = object?.['metadata'];
  return typeof metadata === 'object' && metadata !== null && 'deletionTimestamp' in metadata;
};

/**
 * Undefined where no request can be told: what was there at the first look, and the end of an object whose deletion was
 * asked for before. That request is judged when it marks the object, which is then as good as gone.
 */
export const observedChange = (
  version: ObjectKey & ChangedKind & { readonly op: Op },
  forms: ChangeForms,
): ObservedChange | undefined => {
  const { group, kind, resource, namespace, name, op } = version;
  const key = { group, kind, resource, namespace, name };
  const before = forms.before();
  if (op === 'deleted')
    return before === undefined || isMarked(before) ? undefined : { key, object: null, oldObject: before };
  const after = forms.after();
  if (after === undefined || (op === 'snapshot' && before === undefined)) return undefined;
  if (before !== undefined && isMarked(after) && !isMarked(before)) return { key, object: null, oldObject: before };
  return { key, object: after, oldObject: before ?? null };
};
