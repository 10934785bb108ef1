/** Kinds that controls judge and that cannot be seen: not assessable as a whole, named by an object without a name. */
import type { GroupKind } from '../contract.ts';
import type { Coverage } from './coverage.ts';
import type { Roster } from './roster.ts';
import { cannotSee } from './tracked-view.ts';
import type { Unanswered, UnansweredChange } from './verdict-book.ts';

export type Blindness = {
  /** Looks at the coverage as it is known now, and notes what is different. */
  refresh(roster: Roster): void;
  of(kind: GroupKind): readonly Unanswered[];
};

export function createBlindness(coverage: Coverage, note: (change: UnansweredChange) => void): Blindness {
  let blind = new Map<string, readonly Unanswered[]>();

  function unansweredOf(roster: Roster, kind: GroupKind): readonly Unanswered[] {
    if (coverage.covers(kind)) return [];
    const object = { group: kind.group, kind: kind.kind, namespace: '', name: '' };
    return roster.slots(kind).map(({ control }) => ({
      control: control.meta.id,
      object,
      uid: '',
      state: 'not-assessable',
      reason: cannotSee(kind),
    }));
  }

  return {
    refresh(roster) {
      const before = blind;
      blind = new Map(roster.kinds().map((kind) => [`${kind.group}/${kind.kind}`, unansweredOf(roster, kind)]));
      const was = byId(before);
      const is = byId(blind);
      for (const [id, one] of was) if (!is.has(id)) note({ ...one, state: 'answered', reason: '' });
      for (const [id, one] of is) if (!was.has(id)) note(one);
    },
    of: (kind) => blind.get(`${kind.group}/${kind.kind}`) ?? [],
  };
}

function byId(blind: ReadonlyMap<string, readonly Unanswered[]>): Map<string, Unanswered> {
  return new Map(
    [...blind].flatMap(([kind, all]) => all.map((one): [string, Unanswered] => [`${kind} ${one.control}`, one])),
  );
}
