/** Which kinds can be seen, as the caller says, and who relied on the answer. */
import type { GroupKind } from '../contract.ts';
import { createReadNode, type ReadNode, type Wake } from './graph.ts';

export type Covers = (kind: GroupKind) => boolean;

export type Coverage = {
  covers: Covers;
  /** The answer and the node of those who rely on it. */
  read(kind: GroupKind): { readonly covered: boolean; readonly node: ReadNode };
  /** Asks the caller again and wakes who read an answer that is different now. */
  refresh(wake: Wake): void;
};

/** Answers are kept until refresh, so that one batch sees one coverage. */
export function createCoverage(ask: Covers): Coverage {
  type Answer = { readonly kind: GroupKind; covered: boolean; readonly node: ReadNode };
  // By kind, then group: asked with every read, so no key is made up.
  const answers = new Map<string, Map<string, Answer>>();

  function answer({ group, kind }: GroupKind): Answer {
    let byGroup = answers.get(kind);
    if (byGroup === undefined) {
      byGroup = new Map();
      answers.set(kind, byGroup);
    }
    const known = byGroup.get(group);
    if (known !== undefined) return known;
    const created = { kind: { group, kind }, covered: ask({ group, kind }), node: createReadNode() };
    byGroup.set(group, created);
    return created;
  }

  return {
    covers: (kind) => answer(kind).covered,
    read: answer,
    refresh(wake) {
      for (const known of [...answers.values()].flatMap((byGroup) => [...byGroup.values()])) {
        const covered = ask(known.kind);
        if (covered === known.covered) continue;
        known.covered = covered;
        wake(known.node);
      }
    },
  };
}
