/**
 * Which controls a change of an object can concern: the declared reads of all controls of a kind as one tree, walked
 * beside the two forms of the object. It is entered only where they differ, so that its cost follows the change and
 * not the number of controls.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEqual, ownValue } from '@driftline/proto';
import type { OwnReads } from '../contract.ts';
import { everyItem, type ReadPath, shape } from '../read-path.ts';
import type { Slot } from './graph.ts';

/** Who reads, one of several: `position` counts them. */
export type Positioned = { readonly position: number };

type Reader<T extends Positioned> = {
  readonly slot: T;
  /** False: it matters only to what the reader tells of an object that does not pass. */
  readonly decides: boolean;
};

export type ReadPlan<T extends Positioned = Slot> = {
  /**
   * The slots that read something that differs, and those that declare nothing. `tells` says whether one has more to
   * say of the object than its code: only then what it reads besides matters.
   */
  concerned(before: JsonObject, after: JsonObject, tells: (slot: T) => boolean): readonly T[];
};

export function createReadPlan<T extends Positioned>(
  slots: readonly T[],
  readsOf: (slot: T) => OwnReads | undefined,
): ReadPlan<T> {
  const root = createDraft<T>();
  const always: T[] = [];
  for (const slot of slots) {
    const reads = readsOf(slot);
    if (reads === undefined) always.push(slot);
    for (const path of reads?.deciding ?? []) add(root, path, { slot, decides: true });
    for (const path of reads?.telling ?? []) add(root, path, { slot, decides: false });
  }
  const tree = finished(root);
  const isFound = new Uint8Array(slots.length);
  return {
    concerned(before, after, tells) {
      const walk = new Walk(isFound.fill(0), always, tells);
      walk.compare(tree, before, after, false);
      return walk.found;
    },
  };
}

type Draft<T extends Positioned> = {
  readonly whole: Reader<T>[];
  readonly shape: Reader<T>[];
  readonly members: Map<string, Draft<T>>;
  items: Draft<T> | undefined;
};

function createDraft<T extends Positioned>(): Draft<T> {
  return { whole: [], shape: [], members: new Map(), items: undefined };
}

function add<T extends Positioned>(root: Draft<T>, path: ReadPath, reader: Reader<T>): void {
  let draft = root;
  for (const step of path) {
    if (step === shape) {
      draft.shape.push(reader);
      return;
    }
    let next = step === everyItem ? draft.items : draft.members.get(step);
    if (next === undefined) {
      next = createDraft<T>();
      if (step === everyItem) draft.items = next;
      else draft.members.set(step, next);
    }
    draft = next;
  }
  draft.whole.push(reader);
}

type Member<T extends Positioned> = {
  readonly name: string;
  readonly place: Place<T>;
  /** Every object has something of this name that is not its own. */
  readonly isInherited: boolean;
};

/** A place that somebody reads. */
type Place<T extends Positioned> = {
  /** Whoever reads anything here or below. */
  readonly all: readonly Reader<T>[];
  /** Who reads all of it when it is an object: also who reads items, which it does not have. */
  readonly ofObject: readonly Reader<T>[];
  /** Who reads all of it when it is a list: also who reads members. */
  readonly ofList: readonly Reader<T>[];
  readonly members: ReadonlyMap<string, Place<T>>;
  /** The same as a list: going through it is cheaper. */
  readonly listed: readonly Member<T>[];
  readonly items: Place<T> | undefined;
};

function finished<T extends Positioned>({ whole, shape: shapes, members: drafts, items: draft }: Draft<T>): Place<T> {
  const members = new Map([...drafts].map(([name, member]) => [name, finished(member)]));
  const ofMembers = [...members.values()].flatMap((place) => place.all);
  const items = draft && finished(draft);
  const ofItems = items?.all ?? [];
  return {
    all: distinct([...whole, ...shapes, ...ofMembers, ...ofItems]),
    ofObject: distinct([...whole, ...ofItems]),
    ofList: distinct([...whole, ...ofMembers]),
    members,
    listed: [...members].map(([name, place]) => ({ name, place, isInherited: name in {} })),
    items,
  };
}

/** One reader a slot, the deciding one where there is one. */
function distinct<T extends Positioned>(readers: readonly Reader<T>[]): readonly Reader<T>[] {
  const bySlot = new Map<T, Reader<T>>();
  for (const reader of readers) if (reader.decides || !bySlot.has(reader.slot)) bySlot.set(reader.slot, reader);
  return [...bySlot.values()];
}

/** What objects inherit is functions, which no JSON is, and `__proto__`: to ask each name whose it is would be dear. */
function isOwnValue(object: JsonObject, name: string, value: Json): boolean {
  return typeof value !== 'function' && (name !== '__proto__' || Object.hasOwn(object, name));
}

/** Beyond as many, names are taken from the object: most of what is read is not there, and asking for that is dear. */
const askedByName = 6;

/** One pass over the two forms: what nobody who is still asked reads is not entered, and nothing is compared twice. */
class Walk<T extends Positioned> {
  readonly found: T[] = [];
  /** By position: whether the slot was found. */
  readonly #isFound: Uint8Array;
  readonly #tells: (slot: T) => boolean;

  constructor(isFound: Uint8Array, always: readonly T[], tells: (slot: T) => boolean) {
    this.#isFound = isFound;
    this.#tells = tells;
    for (const slot of always) this.#find(slot);
  }

  /** Whether the two differ; to be relied on only when `isAsked`, or where somebody reads all of the place. */
  compare(place: Place<T>, before: Json | undefined, after: Json | undefined, isAsked: boolean): boolean {
    if (before === after) return false;
    if (isJsonObject(before) && isJsonObject(after)) {
      const isWhole = this.#isWanted(place.ofObject);
      if (!isWhole && !isAsked) return this.#compareMembers(place, before, after);
      if (!this.#compareObjects(place, before, after)) return false;
      if (isWhole) this.#take(place.ofObject);
      return true;
    }
    if (isJsonArray(before) && isJsonArray(after) && before.length === after.length) {
      const isWhole = this.#isWanted(place.ofList);
      if (!this.#compareItems(place.items, before, after, isWhole || isAsked)) return false;
      if (isWhole) this.#take(place.ofList);
      return true;
    }
    if (jsonEqual(before, after)) return false;
    this.#take(place.all);
    return true;
  }

  /** Touches only what somebody reads. */
  #compareMembers(place: Place<T>, before: JsonObject, after: JsonObject): boolean {
    if (place.listed.length > askedByName) return this.#comparePresent(place.members, before, after);
    for (const { name, place: member, isInherited } of place.listed) {
      const value = isInherited ? ownValue(before, name) : before[name];
      const other = isInherited ? ownValue(after, name) : after[name];
      if (value !== other) this.compare(member, value, other, false);
    }
    return false;
  }

  #comparePresent(members: Place<T>['members'], before: JsonObject, after: JsonObject): boolean {
    let left = 0;
    for (const _name in after) left += 1;
    for (const name in before) {
      const value = before[name];
      const other = after[name];
      if (value === other) {
        left -= 1;
        continue;
      }
      const isOwn = other !== undefined && isOwnValue(after, name, other);
      if (isOwn) left -= 1;
      const member = members.get(name);
      if (member !== undefined) this.compare(member, value, isOwn ? other : undefined, false);
    }
    if (left === 0) return false;
    for (const name in after) {
      const member = Object.hasOwn(before, name) ? undefined : members.get(name);
      if (member !== undefined) this.#take(member.all);
    }
    return false;
  }

  #compareObjects({ members }: Place<T>, before: JsonObject, after: JsonObject): boolean {
    let differs = false;
    let left = 0;
    for (const _name in after) left += 1;
    for (const name in before) {
      const value = before[name];
      const found = after[name];
      const other = found === undefined || !isOwnValue(after, name, found) ? undefined : found;
      if (other !== undefined) left -= 1;
      if (value === other) continue;
      if (this.#compareAt(members.get(name), value, other, !differs)) differs = true;
    }
    if (left === 0) return differs;
    for (const name in after) {
      const member = Object.hasOwn(before, name) ? undefined : members.get(name);
      if (member !== undefined) this.#take(member.all);
    }
    return true;
  }

  #compareItems(
    items: Place<T> | undefined,
    before: readonly Json[],
    after: readonly Json[],
    isAsked: boolean,
  ): boolean {
    if (items === undefined && !isAsked) return false;
    let differs = false;
    for (let i = 0; i < before.length; i += 1) {
      if (this.#compareAt(items, before[i], after[i], isAsked && !differs)) differs = true;
    }
    return differs;
  }

  #compareAt(
    place: Place<T> | undefined,
    before: Json | undefined,
    after: Json | undefined,
    isAsked: boolean,
  ): boolean {
    if (place !== undefined) return this.compare(place, before, after, isAsked);
    return isAsked && !jsonEqual(before, after);
  }

  #isWanted(readers: readonly Reader<T>[]): boolean {
    for (const reader of readers) if (this.#wants(reader)) return true;
    return false;
  }

  #take(readers: readonly Reader<T>[]): void {
    for (const reader of readers) if (this.#wants(reader)) this.#find(reader.slot);
  }

  #wants({ slot, decides }: Reader<T>): boolean {
    return this.#isFound[slot.position] === 0 && (decides || this.#tells(slot));
  }

  #find(slot: T): void {
    this.#isFound[slot.position] = 1;
    this.found.push(slot);
  }
}
