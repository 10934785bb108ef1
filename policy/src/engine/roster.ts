/** Which controls judge which kind, in the order of their ids. */
import type { CompiledControl, GroupKind } from '../contract.ts';
import { compareText, type Slot } from './graph.ts';

export type RosterChange = {
  readonly kind: GroupKind;
  readonly before: readonly Slot[];
  readonly after: readonly Slot[];
};

export type Roster = {
  slots(kind: GroupKind): readonly Slot[];
  /** Kinds any control judges, in order. */
  kinds(): readonly GroupKind[];
  control(id: string): CompiledControl | undefined;
  /** Controls with a digest equal to the present one keep their place and their verdicts. Answers with the kinds concerned. */
  replace(controls: readonly CompiledControl[]): readonly RosterChange[];
};

const none: readonly Slot[] = [];

export function createRoster(initial: readonly CompiledControl[]): Roster {
  let byId = new Map<string, CompiledControl>();
  let byKind = new Map<string, { readonly kind: GroupKind; readonly slots: readonly Slot[] }>();

  function replace(controls: readonly CompiledControl[]): readonly RosterChange[] {
    const before = byKind;
    byId = new Map(controls.map((control) => [control.meta.id, kept(byId.get(control.meta.id), control)]));
    if (byId.size !== controls.length) throw new Error('two controls have one id');
    byKind = slotsByKind([...byId.values()]);
    const ids = new Set([...before.keys(), ...byKind.keys()]);
    return [...ids].flatMap((id): readonly RosterChange[] => {
      const old = before.get(id);
      const next = byKind.get(id);
      const kind = next?.kind ?? old?.kind;
      if (kind === undefined || sameSlots(old?.slots ?? none, next?.slots ?? none)) return [];
      return [{ kind, before: old?.slots ?? none, after: next?.slots ?? none }];
    });
  }

  replace(initial);
  return {
    slots: ({ group, kind }) => byKind.get(`${group}/${kind}`)?.slots ?? none,
    kinds: () => [...byKind.values()].map(({ kind }) => kind),
    control: (id) => byId.get(id),
    replace,
  };
}

function kept(known: CompiledControl | undefined, control: CompiledControl): CompiledControl {
  return known?.digest !== undefined && known.digest === control.digest ? known : control;
}

function slotsByKind(
  controls: readonly CompiledControl[],
): Map<string, { readonly kind: GroupKind; readonly slots: readonly Slot[] }> {
  const kinds = new Map<string, { kind: GroupKind; controls: Set<CompiledControl> }>();
  for (const control of controls) {
    for (const { group, kind } of control.kinds) {
      const entry = kinds.get(`${group}/${kind}`) ?? { kind: { group, kind }, controls: new Set() };
      entry.controls.add(control);
      kinds.set(`${group}/${kind}`, entry);
    }
  }
  return new Map(
    [...kinds]
      .sort(([, a], [, b]) => compareText(a.kind.group, b.kind.group) || compareText(a.kind.kind, b.kind.kind))
      .map(([id, { kind, controls }]) => {
        const ordered = [...controls].sort((a, b) => compareText(a.meta.id, b.meta.id));
        return [id, { kind, slots: ordered.map((control, position) => ({ control, position })) }];
      }),
  );
}

function sameSlots(a: readonly Slot[], b: readonly Slot[]): boolean {
  return a.length === b.length && a.every((slot, index) => slot.control === b[index]?.control);
}
