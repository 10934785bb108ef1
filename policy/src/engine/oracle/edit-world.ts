/**
 * Single-path edits of real objects: the objects of the library's own cases, each changed at one place after the other.
 * What is put somewhere is mostly what other objects have under the same name, so that verdicts change both ways.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '@driftline/proto';

export type Place = readonly (string | number)[];

/** Every place of a value below its root, in order. */
export function placesOf(value: Json, at: Place = []): readonly Place[] {
  if (isJsonArray(value)) return value.flatMap((item, index) => [[...at, index], ...placesOf(item, [...at, index])]);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => [[...at, key], ...placesOf(member, [...at, key])]);
}

export function valueIn(value: Json | undefined, place: Place): Json | undefined {
  return place.reduce<Json | undefined>((at, step) => (at as Record<string | number, Json> | undefined)?.[step], value);
}

/** The value with another one (or none) at the place; shares everything beside the way there. */
export function withValue(value: Json, [step, ...rest]: Place, next: Json | undefined): Json {
  if (step === undefined) return next ?? value;
  if (isJsonArray(value)) {
    const index = Number(step);
    if (rest.length === 0 && next === undefined) return value.filter((_, at) => at !== index);
    if (rest.length === 0 && index >= value.length) return [...value, next ?? null];
    return value.map((item, at) => (at === index ? withValue(item, rest, next) : item));
  }
  const members = value as JsonObject;
  if (rest.length > 0) return { ...members, [step]: withValue(members[step] ?? {}, rest, next) };
  if (next !== undefined) return { ...members, [step]: next };
  return Object.fromEntries(Object.entries(members).filter(([key]) => key !== String(step)));
}

const strange: readonly Json[] = [null, true, false, 0, 1, '', 'x', '*', [], {}, ['x'], [{}], { x: 'y' }];

/** What occurs under a name, and which members occur in what is under a name, in all objects given. */
export class Pool {
  readonly #values = new Map<string, Json[]>();
  readonly #members = new Map<string, [name: string, value: Json][]>();

  constructor(objects: readonly JsonObject[]) {
    const seen = new Set<string>();
    for (const object of objects) {
      for (const place of placesOf(object)) {
        const [parent, name] = [nameOf(place.slice(0, -1)), nameOf(place)];
        const value = valueIn(object, place) ?? null;
        const text = JSON.stringify([parent, name, value]);
        if (seen.has(text)) continue;
        seen.add(text);
        append(this.#values, name, value);
        const step = place.at(-1);
        if (typeof step === 'string') append(this.#members, parent, [step, value]);
      }
    }
  }

  /** The object after the edit that the numbers choose. */
  edited(object: JsonObject, { place: choice, way, value }: Edit): JsonObject {
    const places = placesOf(object);
    const place = places[choice % places.length] ?? [];
    if (way === 'remove') return withValue(object, place, undefined) as JsonObject;
    if (way === 'strange') return withValue(object, place, pick(strange, value)) as JsonObject;
    const holder = isJsonObject(valueIn(object, place)) ? place : [];
    const [name, member] = pick(this.#members.get(nameOf(holder)) ?? [['x', 1]], value);
    if (way === 'insert') return withValue(object, [...holder, name], member) as JsonObject;
    return withValue(object, place, pick(this.#values.get(nameOf(place)) ?? strange, value)) as JsonObject;
  }
}

export type Edit = {
  readonly place: number;
  readonly way: 'remove' | 'strange' | 'insert' | 'replace';
  readonly value: number;
};

/** The last name of a place, that of the list for an item. */
function nameOf(place: Place): string {
  const name = place.findLast((step) => typeof step === 'string') ?? '';
  return typeof place.at(-1) === 'number' ? `${name}[]` : name;
}

function pick<T>(from: readonly T[], choice: number): T {
  return from[choice % from.length] as T;
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
