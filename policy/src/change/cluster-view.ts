/** A cluster as the judgement of a change sees it: asked when it is asked, and not tracked, because a change happens once. */
import type { JsonObject } from '@driftline/proto';
import type { Fact, FactOf, GroupKind, LabelSelector, ObjectKey, TrackedView } from '../contract.ts';
import { compareKeys } from '../engine/graph.ts';
import { engineLimits } from '../engine/limits.ts';
import { compileSelector, selects } from '../engine/selector.ts';
import { projectionOf } from '../engine/projection.ts';
import { cannotSee, NotAssessable } from '../engine/tracked-view.ts';
import { objectAt, objectKeyOf } from '../language/read-json.ts';

export type ClusterSource = {
  get(key: ObjectKey): JsonObject | undefined;
  /** Objects of a kind, in any order; namespace undefined: in all. */
  list(kind: GroupKind, namespace: string | undefined): Iterable<JsonObject>;
  /** Whether objects of this kind can be seen. */
  covers(kind: GroupKind): boolean;
};

type ListQuery = GroupKind & { readonly namespace?: string; readonly selector?: LabelSelector };

const unsupported = (): readonly FactOf<never>[] => {
  throw new Error('what judges a change reads single objects and lists');
};

export function clusterView(source: ClusterSource, atMs: number): TrackedView {
  let asked: Set<string> | undefined;
  const enter = ({ group, kind }: GroupKind): void => {
    if (asked?.has(`${group}/${kind}`) !== true && !source.covers({ group, kind }))
      throw new NotAssessable(cannotSee({ group, kind }));
  };
  const getOne = (key: ObjectKey): JsonObject | undefined => {
    enter(key);
    return source.get(key);
  };
  return {
    get: getOne,
    list({ group, kind, namespace, selector }: ListQuery) {
      enter({ group, kind });
      const compiled = selector === undefined ? undefined : compileSelector(selector);
      const found: { readonly key: ObjectKey; readonly object: JsonObject }[] = [];
      for (const object of source.list({ group, kind }, namespace)) {
        if (found.length >= engineLimits.maxReadsPerEvaluation)
          throw new Error(`more than ${engineLimits.maxReadsPerEvaluation} reads in one evaluation`);
        if (compiled === undefined || selects(compiled, objectAt(object, 'metadata', 'labels')))
          found.push({ key: objectKeyOf(object), object });
      }
      return found.sort((a, b) => compareKeys(a.key, b.key)).map(({ object }) => object);
    },
    fact<T>(fact: Fact<T>, key: ObjectKey): T | undefined {
      const object = getOne(key);
      return object === undefined ? undefined : projectionOf(fact)(object);
    },
    covers(kind) {
      asked ??= new Set();
      asked.add(`${kind.group}/${kind.kind}`);
      return source.covers(kind);
    },
    now: (deadlineMs) => atMs >= deadlineMs,
    facts: unsupported,
    lookup: unsupported,
  };
}
