/** What every control asks about the object it judges, worked out once for all of them. */
import type { Json, JsonObject } from '@driftline/proto';
import type { ObjectKey } from '../contract.ts';
import { itemPaths } from './field-value.ts';
import { hasPodBearingController, isPodBearing, type PodTemplate, podTemplateOf } from './pod-template.ts';
import { listAt, objectKeyOf } from './read-json.ts';

export type Item = { readonly value: Json; readonly path: string; readonly index: number };

export type SubjectContext = {
  readonly key: ObjectKey;
  readonly pod: PodTemplate | undefined;
  /** Another pod-bearing object controls it. */
  readonly isControlled: boolean;
  /** Items of lists of the pod's spec, one list after the other, with their paths. */
  podItems(lists: readonly string[]): readonly Item[];
};

/** Controls judge one object after another, all of them each: remembering the last one is enough. */
let last: { readonly object: JsonObject; readonly context: SubjectContext } | undefined;

/** The object must not change as long as it is judged. */
export function subjectContext(object: JsonObject): SubjectContext {
  if (last?.object !== object) last = { object, context: createContext(object) };
  return last.context;
}

function createContext(object: JsonObject): SubjectContext {
  const key = objectKeyOf(object);
  const pod = podTemplateOf(object, key);
  const items = new Map<readonly string[], readonly Item[]>();
  return {
    key,
    pod,
    isControlled: isPodBearing(key) && hasPodBearingController(object),
    podItems(lists) {
      const known = items.get(lists);
      if (known !== undefined) return known;
      const made =
        pod === undefined ? [] : lists.flatMap((list) => itemsOf(listAt(pod.spec, list), `${pod.specPath}.${list}`));
      items.set(lists, made);
      return made;
    },
  };
}

export function itemsOf(values: readonly Json[], path: string): readonly Item[] {
  const paths = itemPaths(path, values);
  return values.map((value, index) => ({ value, path: paths[index] ?? path, index }));
}
