/**
 * Which redacted values an evaluation looks at. A marker says that two values are equal or not and nothing else, so what
 * is read in one form of an object only, or at a creation, was compared with something that a secret is not.
 */
import { isJsonArray, isJsonObject, isRedacted, type Json, type JsonObject } from '@driftline/proto';

export type RedactedReads = {
  /** The object with its markers watched; the object itself when there are none. */
  watch(form: 'old' | 'new', object: JsonObject | null): JsonObject | null;
  /** A path whose redacted value was read in one form only; undefined when there is none. */
  readAlone(): string | undefined;
  forget(): void;
};

const noneRead: RedactedReads = { watch: (_, object) => object, readAlone: () => undefined, forget() {} };

/** `holdsRedacted` false: the objects that will be watched hold no marker. */
export function createRedactedReads(holdsRedacted = true): RedactedReads {
  if (!holdsRedacted) return noneRead;
  const reads = { old: new Set<string>(), new: new Set<string>() };
  return {
    watch(form, object) {
      if (object === null || !holdsMarker(object)) return object;
      return watched(object, '', (path) => void reads[form].add(path)) as JsonObject;
    },
    readAlone() {
      if (reads.old.size + reads.new.size === 0) return undefined;
      const alone = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].filter((path) => !b.has(path));
      return [...alone(reads.new, reads.old), ...alone(reads.old, reads.new)].sort()[0];
    },
    forget() {
      reads.old.clear();
      reads.new.clear();
    },
  };
}

/** Most objects hold none, and are not copied. */
function holdsMarker(value: Json): boolean {
  if (typeof value === 'string') return isRedacted(value);
  if (typeof value !== 'object' || value === null) return false;
  if (isJsonArray(value)) return value.some(holdsMarker);
  // Every change of a judged kind comes by here: a list of the values would cost more than the look at them.
  for (const name in value) {
    if (Object.hasOwn(value, name) && holdsMarker(value[name] ?? null)) return true;
  }
  return false;
}

function watched(value: Json, path: string, note: (path: string) => void): Json {
  if (isJsonArray(value)) {
    const items = value.map((item, index) => watched(item, `${path}/${index}`, note));
    for (const [index, item] of value.entries()) if (isMarker(item)) watchMember(items, index, { item, path, note });
    return value.some((item, index) => item !== items[index] || isMarker(item)) ? items : value;
  }
  if (!isJsonObject(value)) return value;
  const copy: Record<string, Json> = {};
  let isCopy = false;
  for (const [name, item] of Object.entries(value)) {
    const member = watched(item, `${path}/${name}`, note);
    isCopy ||= member !== item || isMarker(item);
    if (isMarker(item)) watchMember(copy, name, { item, path, note });
    else Object.defineProperty(copy, name, { value: member, enumerable: true, writable: true, configurable: true });
  }
  return isCopy ? copy : value;
}

function isMarker(value: Json): value is string {
  return typeof value === 'string' && isRedacted(value);
}

type Watched = { readonly item: string; readonly path: string; readonly note: (path: string) => void };

function watchMember(holder: object, name: string | number, { item, path, note }: Watched): void {
  const get = (): string => {
    note(`${path}/${name}`);
    return item;
  };
  Object.defineProperty(holder, name, { get, enumerable: true, configurable: true });
}
