/** The part of an object that some paths read, and nothing else of it. */
import { isJsonArray, isJsonObject, type Json, type JsonObject, ownValue, setOwn } from '@driftline/proto';
import { everyItem, type ReadPath, shape } from '../read-path.ts';

type Place = { isWhole: boolean; readonly members: Map<string, Place>; items: Place | undefined };

const createPlace = (): Place => ({ isWhole: false, members: new Map(), items: undefined });

/**
 * What is no object where a path leads through one stays as it is: who compares by these paths sees every difference in
 * it. Of a list whose shape alone is read, the items are null. Parts of the object are shared, not copied.
 */
export function createPart(paths: readonly ReadPath[]): (object: JsonObject) => JsonObject {
  const root = createPlace();
  for (const path of paths) add(root, path);
  return (object) => partOf(root, object) as JsonObject;
}

function add(root: Place, path: ReadPath): void {
  let place = root;
  for (const step of path) {
    if (step === shape) return;
    let next = step === everyItem ? place.items : place.members.get(step);
    if (next === undefined) {
      next = createPlace();
      if (step === everyItem) place.items = next;
      else place.members.set(step, next);
    }
    place = next;
  }
  place.isWhole = true;
}

function partOf({ isWhole, members, items }: Place, value: Json): Json {
  if (isWhole) return value;
  if (isJsonArray(value)) {
    if (members.size > 0) return value;
    return value.map((item) => (items === undefined ? null : partOf(items, item)));
  }
  if (!isJsonObject(value) || items !== undefined) return value;
  const part: { [name: string]: Json } = {};
  for (const [name, place] of members) {
    const member = ownValue(value, name);
    if (member !== undefined) setOwn(part, name, partOf(place, member));
  }
  return part;
}
