/** Which controls judge which kind, in the order of their ids. */
import type { CompiledControl, GroupKind } from '../contract.ts';
import { compareText, type Slot } from './graph.ts';
import { createReadPlan, type ReadPlan } from './read-plan.ts';

export type RosterChange = {
  readonly kind: GroupKind;
  readonly before: readonly Slot[];
  readonly after: readonly Slot[];
};

export type Roster = {
  slots(kind: GroupKind): readonly Slot[];
  /** The same by control id. */
  byId(kind: GroupKind): ReadonlyMap<string, Slot>;
  /** What these slots read of an object of the kind. */
  plan(kind: GroupKind): ReadPlan;
  /** Kinds any control judges, in order: those that controls name, and those seen that a control takes by rule. */
  kinds(): readonly GroupKind[];
  control(id: string): CompiledControl | undefined;
  /** Controls with a digest equal to the present one keep their place and their verdicts. Answers with the kinds concerned. */
  replace(controls: readonly CompiledControl[]): readonly RosterChange[];
};

type Entry = {
  readonly kind: GroupKind;
  readonly slots: readonly Slot[];
  readonly byId: ReadonlyMap<string, Slot>;
  /** Made when a change is first compared. */
  plan: ReadPlan | undefined;
};

const none: readonly Slot[] = [];
const noneById: ReadonlyMap<string, Slot> = new Map();
const noPlan: ReadPlan = createReadPlan(none, () => undefined);

export function createRoster(initial: readonly CompiledControl[]): Roster {
  let byId = new Map<string, CompiledControl>();
  /** An entry without slots is a kind that was asked for and that nothing judges. */
  let byKind = new Map<string, Entry>();
  /** What `byKind` holds of the kinds that were asked for, by kind and group: each change asks several times. */
  let asked = new Map<string, Map<string, Entry>>();
  let takers: readonly CompiledControl[] = [];

  function replace(controls: readonly CompiledControl[]): readonly RosterChange[] {
    const before = byKind;
    byId = new Map(controls.map((control) => [control.meta.id, kept(byId.get(control.meta.id), control)]));
    if (byId.size !== controls.length) throw new Error('two controls have one id');
    takers = [...byId.values()].filter((control) => control.judgesKind !== undefined);
    byKind = entriesOf([...byId.values()], [...before.values()]);
    asked = new Map();
    return [...byKind].flatMap(([id, { kind, slots }]): readonly RosterChange[] => {
      const old = before.get(id)?.slots ?? none;
      return sameSlots(old, slots) ? [] : [{ kind, before: old, after: slots }];
    });
  }

  function entry({ group, kind }: GroupKind): Entry | undefined {
    const known = asked.get(kind)?.get(group);
    if (known !== undefined) return known;
    const found = byKind.get(`${group}/${kind}`) ?? entryOfSeen({ group, kind });
    if (found === undefined) return undefined;
    const byGroup = asked.get(kind) ?? new Map<string, Entry>();
    asked.set(kind, byGroup.set(group, found));
    return found;
  }

  /** Kinds that no control names come up as they are seen. */
  function entryOfSeen(kind: GroupKind): Entry | undefined {
    if (takers.length === 0) return undefined;
    const made = entryOf(kind, takers);
    byKind.set(`${kind.group}/${kind.kind}`, made);
    return made;
  }

  function plan(kind: GroupKind): ReadPlan {
    const found = entry(kind);
    if (found === undefined) return noPlan;
    found.plan ??= createReadPlan(found.slots, ({ control }) => control.reads?.(found.kind));
    return found.plan;
  }

  replace(initial);
  return {
    slots: (kind) => entry(kind)?.slots ?? none,
    byId: (kind) => entry(kind)?.byId ?? noneById,
    plan,
    kinds: () =>
      [...byKind.values()]
        .filter(({ slots }) => slots.length > 0)
        .map(({ kind }) => kind)
        .sort(compareKinds),
    control: (id) => byId.get(id),
    replace,
  };
}

function kept(known: CompiledControl | undefined, control: CompiledControl): CompiledControl {
  return known?.digest !== undefined && known.digest === control.digest ? known : control;
}

/** The kinds that controls name and the `seen` ones, each with what judges it. */
function entriesOf(controls: readonly CompiledControl[], seen: readonly Entry[]): Map<string, Entry> {
  const kinds = [...seen.map(({ kind }) => kind), ...controls.flatMap((control) => control.kinds)];
  const byKind = new Map(kinds.map(({ group, kind }) => [`${group}/${kind}`, { group, kind }]));
  return new Map([...byKind].map(([id, kind]) => [id, entryOf(kind, controls)]));
}

function entryOf(kind: GroupKind, controls: readonly CompiledControl[]): Entry {
  const judging = controls.filter((control) => judges(control, kind));
  const ordered = judging.sort((a, b) => compareText(a.meta.id, b.meta.id));
  const slots = ordered.map((control, position) => ({ control, position }));
  return { kind, slots, byId: new Map(slots.map((slot) => [slot.control.meta.id, slot])), plan: undefined };
}

function judges(control: CompiledControl, { group, kind }: GroupKind): boolean {
  if (control.kinds.some((one) => one.group === group && one.kind === kind)) return true;
  return control.judgesKind?.({ group, kind }) === true;
}

function compareKinds(a: GroupKind, b: GroupKind): number {
  return compareText(a.group, b.group) || compareText(a.kind, b.kind);
}

function sameSlots(a: readonly Slot[], b: readonly Slot[]): boolean {
  return a.length === b.length && a.every((slot, index) => slot.control === b[index]?.control);
}
