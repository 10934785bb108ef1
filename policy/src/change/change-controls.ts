/** The controls that judge changes, by kind: a change of a kind that none judges costs one look-up. */
import type { ChangedKind, CompiledControl } from '../contract.ts';

export type ChangeControls = {
  of(kind: ChangedKind): readonly CompiledControl[];
  /** By id and digest: only a control that answers the same may answer for one of earlier policies. */
  find(id: string, digest: string): CompiledControl | undefined;
};

export const createChangeControls = (controls: readonly CompiledControl[]): ChangeControls => {
  const judging = controls.filter(({ judges, digest }) => judges !== undefined && digest !== undefined);
  const byId = new Map(judging.map((control) => [control.meta.id, control]));
  const byKind = new Map<string, readonly CompiledControl[]>();
  return {
    of(kind) {
      const key = `${kind.group}\n${kind.kind}\n${kind.resource}`;
      const known = byKind.get(key);
      if (known !== undefined) return known;
      const found = judging.filter((control) => control.judgesChangesOf?.(kind) === true);
      byKind.set(key, found);
      return found;
    },
    find(id, digest) {
      const control = byId.get(id);
      return control?.digest === digest ? control : undefined;
    },
  };
};
