/** Where something is read inside a JSON value: what a control declares, and what an engine compares. */

/** Each item of a list, and how many there are. Of what is no list: all of it. */
export const everyItem: unique symbol = Symbol('every item');

/** Only as the last step: whether an object or a list stands here (and how many items); of anything else: all of it. */
export const shape: unique symbol = Symbol('shape');

/** A string is a member of an object. */
export type ReadStep = string | typeof everyItem | typeof shape;

/** Everything at and below the place is read, unless it ends with `shape`. The empty path is the whole value. */
export type ReadPath = readonly ReadStep[];

/** Equal for equal paths. */
export function readPathKey(path: ReadPath): string {
  return JSON.stringify(path.map((step) => (typeof step === 'string' ? step : [step.description])));
}
