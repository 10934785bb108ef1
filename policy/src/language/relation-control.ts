/**
 * A relation control: one pure TypeScript function for a question that needs a join (who can reach, who may read).
 * Its YAML file says everything else (meta, kinds, params, cases) and names it by `relation`.
 */
import type { JsonObject } from '@driftline/proto';
import type { ObjectKey, TrackedView, Verdict } from '../contract.ts';
import type { ReadPath } from '../read-path.ts';
import type { PodTemplate } from './pod-template.ts';

export type RelationInput = {
  readonly object: JsonObject;
  readonly key: ObjectKey;
  readonly view: TrackedView;
  /** Defaults of the control file, overridden by the operator. */
  readonly params: JsonObject;
  /** Set for pod-bearing kinds. */
  readonly pod: PodTemplate | undefined;
};

export type RelationControl = {
  /** Equal to the file's name without `.ts`. */
  readonly name: string;
  /**
   * What it reads of its object: paths that begin with `object`, `podSpec` or `podMeta`. Nothing else of the object is
   * handed to it, so nothing can be forgotten here in silence; and it runs again only when something of this changes.
   * Absent: it gets the whole object, and runs at every change.
   */
  readonly reads?: readonly ReadPath[];
  readonly evaluate: (input: RelationInput) => Verdict;
};
