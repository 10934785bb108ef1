/**
 * The canonical text of a patched object, told by its hash. Three ways, the cheapest first, and the hash says whether one
 * did. Most patches replace a value or two: where a member with the old value occurs once in the text before, the new
 * one is put in its place. An object that was parsed from canonical text has its keys in order, and a patch disturbs
 * that only where it adds one; with those put in order again, the engine's own writer mostly gives the canonical text, at
 * a third of the price of ours.
 */
import { canonicalJson, contentHash, parsePointer, valueAt } from '@driftline/proto';
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

/** Where `member` stands in the text, if once; what follows it ends a value, so that 3 is not taken for the head of 30. */
const onlyPlaceOf = (member: string, text: string): number | undefined => {
  const at = text.indexOf(member);
  if (at < 0 || text.indexOf(member, at + 1) >= 0) return undefined;
  const next = text[at + member.length];
  return next === ',' || next === '}' ? at : undefined;
};

/** A guess: the text after operations that replace members, or undefined where it cannot be told without a look. */
const splicedText = ({ object, text }: BaseForm, operations: readonly PatchOperation[]): string | undefined => {
  let spliced = text;
  for (const operation of operations) {
    const key = parsePointer(operation.path).at(-1);
    const old = operation.op === 'replace' ? valueAt(object, operation.path) : undefined;
    if (operation.op !== 'replace' || key === undefined || old === undefined) return undefined;
    const head = `${JSON.stringify(key)}:`;
    const member = head + JSON.stringify(old);
    const at = onlyPlaceOf(member, spliced);
    if (at === undefined) return undefined;
    spliced = spliced.slice(0, at) + head + JSON.stringify(operation.value) + spliced.slice(at + member.length);
  }
  return spliced;
};

/** The object before and its canonical text. */
export type BaseForm = { readonly object: JsonObject; readonly text: string };

/**
 * @param after what `applyPatch` made with the operations; objects that it added to may be replaced in it
 * @param base what it was made from, where its text is at hand
 * @returns undefined when no text of the object has the hash
 */
export const patchedText = (
  after: JsonObject,
  operations: readonly PatchOperation[],
  hash: string,
  base?: BaseForm,
): string | undefined => {
  const spliced = base === undefined ? undefined : splicedText(base, operations);
  if (spliced !== undefined && contentHash(spliced, sha256) === hash) return spliced;
  for (const { op, path } of operations) if (op === 'add') sortParent(after, parsePointer(path));
  const proposed = JSON.stringify(after);
  if (contentHash(proposed, sha256) === hash) return proposed;
  const written = canonicalJson(after);
  return contentHash(written, sha256) === hash ? written : undefined;
};
