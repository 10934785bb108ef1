/**
 * The canonical text of a patched object, told by its hash. An object that was parsed from canonical text has its keys
 * in order, and a patch disturbs that only where it adds one; with those put in order again, the engine's own writer
 * mostly gives the canonical text, at a third of the price of ours. The hash says whether it did.
 */
import { canonicalJson, contentHash, parsePointer } from '@driftline/proto';
import type { Json, JsonObject, PatchOperation } from '@driftline/proto';
import { sha256 } from './hash.ts';

type Container = { [key: string]: Json };

const isContainer = (value: Json | undefined): value is Container => typeof value === 'object' && value !== null;

const isSorted = (keys: readonly string[]): boolean => keys.every((key, i) => i === 0 || (keys[i - 1] ?? '') < key);

const sorted = (object: Container): Container => {
  const copy: Container = {};
  for (const key of Object.keys(object).toSorted()) {
    const value = object[key];
    if (value === undefined) continue;
    // Plain assignment would take the prototype's setter.
    if (key === '__proto__')
      Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
    else copy[key] = value;
  }
  return copy;
};

/** Containers on the way to an edit are the patch's own copies: one of them takes another in place of a member. */
const sortParent = (root: JsonObject, path: readonly string[]): void => {
  let above: Container | undefined;
  let parent: Json | undefined = root;
  for (const segment of path.slice(0, -1)) {
    if (!isContainer(parent) || !Object.hasOwn(parent, segment)) return;
    above = parent;
    parent = parent[segment];
  }
  const name = path.at(-2);
  if (above === undefined || name === undefined || name === '__proto__') return;
  if (!isContainer(parent) || Array.isArray(parent) || isSorted(Object.keys(parent))) return;
  above[name] = sorted(parent);
};

/**
 * @param after what `applyPatch` made with the operations; objects that it added to may be replaced in it
 * @returns undefined when no text of the object has the hash
 */
export const patchedText = (
  after: JsonObject,
  operations: readonly PatchOperation[],
  hash: string,
): string | undefined => {
  for (const { op, path } of operations) if (op === 'add') sortParent(after, parsePointer(path));
  const proposed = JSON.stringify(after);
  if (contentHash(proposed, sha256) === hash) return proposed;
  const written = canonicalJson(after);
  return contentHash(written, sha256) === hash ? written : undefined;
};
