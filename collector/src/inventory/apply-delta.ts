/**
 * A delta meets the inventory. The result is verified by content hash before anything is kept: what does not fit is
 * asked for whole, never guessed; what cannot be an object at all is rejected.
 */
import { applyPatch, changedPaths, contentHash, diff, objectKey, parsePatch } from '@driftline/proto';
import type { Delta, JsonObject, ObjectRef, PatchOperation } from '@driftline/proto';
import { sha256 } from './hash.ts';
import type { Inventory, InventoryEntry, RemovedEntry } from './inventory.ts';
import { patchedText } from './patched-text.ts';

export type Applied =
  /** The canonical form changed: a version. `after` is frozen by convention: nobody writes to it. */
  | {
      readonly type: 'version';
      readonly key: string;
      readonly ref: ObjectRef;
      /** Canonical JSON; '' when deleted. */
      readonly text: string;
      readonly after: JsonObject | undefined;
      /** JSON Pointers; empty for first versions and deletes. */
      readonly paths: readonly string[];
      readonly before: InventoryEntry | undefined;
      /** The object that `before` stands for, when this is another version of it; shares what did not change with `after`. */
      readonly earlier: JsonObject | undefined;
      /** JSON of `earlier`, where it was at hand. */
      readonly earlierText: string | undefined;
      /** Of a deletion, what is gone. */
      readonly removed: RemovedEntry | undefined;
    }
  /** The same content again: nothing to record. */
  | { readonly type: 'duplicate' }
  /** The object is wanted whole. `knownVersion` is the last one that was recorded, '' when none. */
  | { readonly type: 'need-full'; readonly ref: ObjectRef; readonly knownVersion: string; readonly reason: string }
  | { readonly type: 'rejected'; readonly reason: string; readonly detail: string };

type Form = {
  readonly text: string;
  readonly after: JsonObject;
  readonly patched: { readonly before: JsonObject; readonly operations: readonly PatchOperation[] } | undefined;
};
type Attempt = { readonly form: Form } | { readonly failed: Applied };

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const rejected = (reason: string, detail: string): { readonly failed: Applied } => ({
  failed: { type: 'rejected', reason, detail },
});

/** An object may leave out its name and namespace, but must not contradict the reference. */
const contradicts = (object: JsonObject, ref: ObjectRef): string | undefined => {
  if (typeof object['kind'] === 'string' && object['kind'] !== ref.kind) return 'kind';
  const metadata = object['metadata'];
  if (!isObject(metadata)) return undefined;
  if (typeof metadata['name'] === 'string' && metadata['name'] !== ref.name) return 'metadata.name';
  if (typeof metadata['namespace'] === 'string' && metadata['namespace'] !== ref.namespace) return 'metadata.namespace';
  return undefined;
};

const parseFull = (text: string): JsonObject | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
};

const readFull = (delta: Delta, full: string): Attempt => {
  if (contentHash(full, sha256) !== delta.contentHash)
    return rejected('content-hash', 'the full object does not have its hash');
  const after = parseFull(full);
  if (after === undefined) return rejected('not-an-object', 'the full object is not a JSON object');
  return { form: { text: full, after, patched: undefined } };
};

const oversize = (inventory: Inventory, text: string): { readonly failed: Applied } | undefined => {
  const { objectBytes } = inventory.limits;
  // A character takes one to three bytes.
  if (text.length * 3 <= objectBytes) return undefined;
  if (text.length <= objectBytes && Buffer.byteLength(text) <= objectBytes) return undefined;
  return rejected('too-large', `the object has more than objectBytes, ${objectBytes}`);
};

const isPlain = ({ op }: PatchOperation): boolean => op === 'add' || op === 'remove' || op === 'replace';

const readPatch = (inventory: Inventory, key: string, delta: Delta, patch: string): Attempt => {
  const before = inventory.get(key);
  const needFull = (reason: string): Attempt => ({
    failed: { type: 'need-full', ref: delta.ref, knownVersion: before?.resourceVersion ?? '', reason },
  });
  if (before === undefined) return needFull('a patch for an object that is not known');
  if (before.contentHash !== delta.baseHash) return needFull('a patch against another form than the known one');
  const document = inventory.shared(key);
  if (document === undefined) return needFull('a patch for an object that is not known');
  let form: Form | undefined;
  try {
    const operations = parsePatch(patch);
    // A copy doubles what it copies: a few dozen would fill the memory.
    if (!operations.every(isPlain)) return needFull('a patch with operations that the protocol does not have');
    const after = applyPatch(document, operations);
    if (!isObject(after)) return rejected('not-an-object', 'the patched value is not a JSON object');
    const baseText = inventory.warmText(key);
    const base = baseText === undefined ? undefined : { object: document, text: baseText };
    const text = patchedText(after, operations, delta.contentHash, base);
    form = text === undefined ? undefined : { text, after, patched: { before: document, operations } };
  } catch {
    return needFull('a patch that does not fit its base');
  }
  if (form === undefined) return needFull('the patched form does not have its hash');
  const tooLarge = oversize(inventory, form.text);
  if (tooLarge !== undefined) return tooLarge;
  return { form };
};

const deletion = (inventory: Inventory, key: string, delta: Delta): Applied => {
  const before = inventory.get(key);
  if (before === undefined) return { type: 'duplicate' };
  // The place already holds a successor: its predecessor's end is no news.
  if (delta.ref.uid !== '' && before.ref.uid !== '' && delta.ref.uid !== before.ref.uid) return { type: 'duplicate' };
  const removed = inventory.remove(key);
  const ref = refWithUid(delta.ref, before);
  const forms = { text: '', after: undefined, before, earlier: undefined, earlierText: undefined, removed };
  return { type: 'version', key, ref, paths: [], ...forms };
};

const refWithUid = (ref: ObjectRef, before: InventoryEntry): ObjectRef =>
  ref.uid === '' ? { ...ref, uid: before.ref.uid } : ref;

const pathsOf = ({ patched, after }: Form, earlier: JsonObject | undefined): readonly string[] => {
  if (patched !== undefined) return changedPaths(patched.operations, patched.before);
  return earlier === undefined ? [] : changedPaths(diff(earlier, after), earlier);
};

const read = (inventory: Inventory, key: string, delta: Delta): Attempt => {
  if (delta.full !== undefined) return oversize(inventory, delta.full) ?? readFull(delta, delta.full);
  if (delta.patch !== undefined) return readPatch(inventory, key, delta, delta.patch);
  return rejected('no-body', 'neither a full object nor a patch');
};

/** Applies the delta to the inventory when, and only when, the result is a version or a duplicate. `key`: that of its object. */
export const applyDelta = (inventory: Inventory, delta: Delta, epoch: string, key = objectKey(delta.ref)): Applied => {
  const { ref } = delta;
  if (ref.resource === '' || ref.name === '')
    return rejected('reference', 'the object has no resource or no name').failed;
  if (delta.op === 'deleted') return deletion(inventory, key, delta);
  const before = inventory.get(key);
  const { resourceVersion } = delta;
  if (before !== undefined && before.contentHash === delta.contentHash && before.ref.uid === ref.uid) {
    inventory.touch(key, { resourceVersion, epoch, uid: ref.uid });
    return { type: 'duplicate' };
  }
  const attempt = read(inventory, key, delta);
  if ('failed' in attempt) return attempt.failed;
  const { form } = attempt;
  const contradiction = contradicts(form.after, ref);
  if (contradiction !== undefined) return rejected('reference', `${contradiction} contradicts the reference`).failed;
  const sameUid = before !== undefined && before.ref.uid === ref.uid;
  const earlier = sameUid ? (form.patched?.before ?? inventory.shared(key)) : undefined;
  const earlierText = sameUid ? inventory.warmText(key) : undefined;
  const paths = sameUid ? pathsOf(form, earlier) : [];
  const entry: InventoryEntry = {
    ref,
    apiVersion: delta.apiVersion,
    resourceVersion,
    contentHash: delta.contentHash,
    epoch,
  };
  inventory.put(entry, form.text, form.after, key);
  const { text, after } = form;
  return { type: 'version', key, ref, text, after, paths, before, earlier, earlierText, removed: undefined };
};
