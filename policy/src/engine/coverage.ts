/** Which kinds can be seen, as the caller says, and who relied on the answer. */
import type { GroupKind } from '../contract.ts';
import { createReadNode, type ReadNode, type Wake } from './graph.ts';

export type Covers = (kind: GroupKind) => boolean;

export type Coverage = {
  covers: Covers;
  node(kind: GroupKind): ReadNode;
  /** Asks the caller again and wakes who read an answer that is different now. */
  refresh(wake: Wake): void;
};

/** Answers are kept until refresh, so that one batch sees one coverage. */
export function createCoverage(ask: Covers): Coverage {
  const answers = new Map<string, { readonly kind: GroupKind; covered: boolean; node: ReadNode }>();

  function answer(kind: GroupKind): { covered: boolean; readonly node: ReadNode } {
    const id = `${kind.group}/${kind.kind}`;
    const known = answers.get(id);
    if (known !== undefined) return known;
    const created = { kind: { group: kind.group, kind: kind.kind }, covered: ask(kind), node: createReadNode() };
    answers.set(id, created);
    return created;
  }

  return {
    covers: (kind) => answer(kind).covered,
    node: (kind) => answer(kind).node,
    refresh(wake) {
      for (const known of answers.values()) {
        const covered = ask(known.kind);
        if (covered === known.covered) continue;
        known.covered = covered;
        wake(known.node);
      }
    },
  };
}
