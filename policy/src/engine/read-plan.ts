/**
 * Which controls a change of an object can concern: the declared reads of all controls of a kind as one tree, walked
 * beside the two forms of the object. It is entered only where they differ, so that its cost follows the change and
 * not the number of controls.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEqual, ownValue } from '@driftline/proto';
import type { GroupKind } from '../contract.ts';
import { everyItem, type ReadPath, shape } from '../read-path.ts';
import type { Slot } from './graph.ts';

export type Reader = {
  readonly slot: Slot;
  /** False: it matters only to what the control tells of an object that does not pass. */
  readonly decides: boolean;
};

export type ReadPlan = {
  /** Calls `take` at least once for every reader of something that differs, and for those that declare nothing. */
  compare(before: JsonObject, after: JsonObject, take: (reader: Reader) => void): void;
};

export function createReadPlan(kind: GroupKind, slots: readonly Slot[]): ReadPlan {
  const root = createDraft();
  const always: Reader[] = [];
  for (const slot of slots) {
    const reads = slot.control.reads?.(kind);
    if (reads === undefined) always.push({ slot, decides: true });
    for (const path of reads?.deciding ?? []) add(root, path, { slot, decides: true });
    for (const path of reads?.telling ?? []) add(root, path, { slot, decides: false });
  }
  const tree = finished(root);
  return {
    compare(before, after, take) {
      always.forEach(take);
      compare(tree, [before, after], take);
    },
  };
}

type Draft = {
  readonly whole: Reader[];
  readonly shape: Reader[];
  readonly members: Map<string, Draft>;
  items: Draft | undefined;
};

function createDraft(): Draft {
  return { whole: [], shape: [], members: new Map(), items: undefined };
}

function add(root: Draft, path: ReadPath, reader: Reader): void {
  let draft = root;
  for (const step of path) {
    if (step === shape) {
      draft.shape.push(reader);
      return;
    }
    let next = step === everyItem ? draft.items : draft.members.get(step);
    if (next === undefined) {
      next = createDraft();
      if (step === everyItem) draft.items = next;
      else draft.members.set(step, next);
    }
    draft = next;
  }
  draft.whole.push(reader);
}

/** A place that somebody reads. */
type Place = {
  /** Whoever reads anything here or below. */
  readonly all: readonly Reader[];
  /** Who reads all of it when it is an object: also who reads items, which it does not have. */
  readonly ofObject: readonly Reader[];
  /** Who reads all of it when it is a list: also who reads members. */
  readonly ofList: readonly Reader[];
  readonly members: readonly (readonly [name: string, place: Place])[];
  readonly items: Place | undefined;
};

function finished({ whole, shape: shapes, members: drafts, items: draft }: Draft): Place {
  const members = [...drafts].map(([name, member]) => [name, finished(member)] as const);
  const ofMembers = members.flatMap(([, place]) => place.all);
  const items = draft && finished(draft);
  const ofItems = items?.all ?? [];
  return {
    all: distinct([...whole, ...shapes, ...ofMembers, ...ofItems]),
    ofObject: distinct([...whole, ...ofItems]),
    ofList: distinct([...whole, ...ofMembers]),
    members,
    items,
  };
}

/** One reader a control, the deciding one where there is one. */
function distinct(readers: readonly Reader[]): readonly Reader[] {
  const bySlot = new Map<Slot, Reader>();
  for (const reader of readers) if (reader.decides || !bySlot.has(reader.slot)) bySlot.set(reader.slot, reader);
  return [...bySlot.values()];
}

type Forms = readonly [before: Json | undefined, after: Json | undefined];

function compare(place: Place, [before, after]: Forms, take: (reader: Reader) => void): void {
  if (before === after) return;
  if (isJsonObject(before) && isJsonObject(after)) {
    if (place.ofObject.length > 0) {
      if (jsonEqual(before, after)) return;
      place.ofObject.forEach(take);
    }
    for (const [name, member] of place.members) compare(member, [ownValue(before, name), ownValue(after, name)], take);
  } else if (isJsonArray(before) && isJsonArray(after) && before.length === after.length) {
    if (place.ofList.length > 0) {
      if (jsonEqual(before, after)) return;
      place.ofList.forEach(take);
    }
    const { items } = place;
    if (items !== undefined) before.forEach((item, index) => compare(items, [item, after[index]], take));
  } else if (!jsonEqual(before, after)) {
    place.all.forEach(take);
  }
}
