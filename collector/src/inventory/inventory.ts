/**
 * What exists in one cluster, as its last recorded versions say: key → identity, version and canonical text. The texts
 * of objects that were touched lately stay plain, the others are compressed, so that a large fleet fits in memory and a
 * busy object costs nothing extra.
 */
import { objectKey } from '@driftline/proto';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export type InventoryEntry = {
  readonly ref: ObjectRef;
  readonly apiVersion: string;
  /** Opaque. */
  readonly resourceVersion: string;
  readonly contentHash: string;
  /** Epoch that last reported the object, changed or not. */
  readonly epoch: string;
};

type Stored = InventoryEntry & { text: string | Buffer };

/** What was taken out of the inventory. */
export type RemovedEntry = InventoryEntry & {
  /** The object as it was last; parsed at each call. */
  object(): JsonObject;
};

export type Inventory = {
  get(key: string): InventoryEntry | undefined;
  /** Canonical JSON of the object, or undefined when there is none. */
  text(key: string): string | undefined;
  /** The same, where it lies at hand uncompressed. */
  warmText(key: string): string | undefined;
  /** Parsed anew at each call; the caller owns it. */
  object(key: string): JsonObject | undefined;
  /** The same, but shared with whoever asks: nobody writes to it. Its keys may come in another order. */
  shared(key: string): JsonObject | undefined;
  /**
   * `object` is what `text` says; nobody writes to it from now on. Given, it is at hand for `shared` for a while. `key`:
   * the entry's, where the caller has made it already.
   */
  put(entry: InventoryEntry, text: string, object?: JsonObject, key?: string): void;
  /** The same content was reported again, perhaps at another version or by another epoch. */
  touch(key: string, seen: { readonly resourceVersion: string; readonly epoch: string; readonly uid: string }): void;
  remove(key: string): RemovedEntry | undefined;
  /** Entries of one storage, in no particular order. */
  ofResource(group: string, resource: string): IterableIterator<InventoryEntry>;
  /** How many those are. */
  countOf(group: string, resource: string): number;
  /** Plural of a kind that was seen here, or undefined. */
  resourceOf(group: string, kind: string): string | undefined;
  keys(): IterableIterator<string>;
  readonly size: number;
  readonly limits: InventoryLimits;
};

export type InventoryLimits = {
  /** Characters of texts kept uncompressed. */
  readonly warmCharacters: number;
  /** Characters of the texts whose objects are kept parsed. An object takes several times its text. */
  readonly parsedCharacters: number;
  /** UTF-8 bytes of one object's canonical JSON. A larger one is rejected, and asked for again with its next change. */
  readonly objectBytes: number;
};

export const defaultInventoryLimits: InventoryLimits = {
  warmCharacters: 32 * 1024 * 1024,
  parsedCharacters: 8 * 1024 * 1024,
  // The API server takes requests of 3 MiB; redaction can lengthen what it replaces.
  objectBytes: 4 * 1024 * 1024,
};

/** Below this compression gains nothing. */
const compressFromCharacters = 512;

const kindKey = (group: string, kind: string): string => `${group}\n${kind}`;
const tableKey = (group: string, resource: string): string => `${group}\n${resource}`;
const none: ReadonlyMap<string, Stored> = new Map();

const textOf = ({ text }: Stored): string =>
  typeof text === 'string' ? text : zstdDecompressSync(text).toString('utf8');

class CompactInventory implements Inventory {
  readonly limits: InventoryLimits;
  readonly #entries = new Map<string, Stored>();
  readonly #byResource = new Map<string, Map<string, Stored>>();
  readonly #resources = new Map<string, string>();
  // Least recently written first; holds exactly the keys whose text is a string worth compressing.
  readonly #warm = new Map<string, number>();
  #warmCharacters = 0;
  // Least recently written first.
  readonly #parsed = new Map<string, { readonly object: JsonObject; readonly characters: number }>();
  #parsedCharacters = 0;

  constructor(limits: InventoryLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): InventoryEntry | undefined {
    return this.#entries.get(key);
  }

  text(key: string): string | undefined {
    const stored = this.#entries.get(key);
    return stored === undefined ? undefined : textOf(stored);
  }

  warmText(key: string): string | undefined {
    const text = this.#entries.get(key)?.text;
    return typeof text === 'string' ? text : undefined;
  }

  object(key: string): JsonObject | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : (JSON.parse(text) as JsonObject);
  }

  shared(key: string): JsonObject | undefined {
    return this.#parsed.get(key)?.object ?? this.object(key);
  }

  put(entry: InventoryEntry, text: string, object?: JsonObject, key = objectKey(entry.ref)): void {
    this.#store(key, { ...entry, text });
    this.#resources.set(kindKey(entry.ref.group, entry.ref.kind), entry.ref.resource);
    this.#heat(key, text.length);
    this.#forgetParsed(key);
    if (object !== undefined) this.#keepParsed(key, object, text.length);
  }

  touch(key: string, seen: { readonly resourceVersion: string; readonly epoch: string; readonly uid: string }): void {
    const stored = this.#entries.get(key);
    if (stored === undefined) return;
    const { resourceVersion, epoch, uid } = seen;
    this.#store(key, { ...stored, resourceVersion, epoch, ref: { ...stored.ref, uid } });
  }

  remove(key: string): RemovedEntry | undefined {
    const stored = this.#entries.get(key);
    if (stored === undefined) return undefined;
    this.#entries.delete(key);
    this.#table(stored.ref).delete(key);
    this.#cool(key);
    this.#forgetParsed(key);
    return { ...stored, object: () => JSON.parse(textOf(stored)) as JsonObject };
  }

  ofResource(group: string, resource: string): IterableIterator<InventoryEntry> {
    return (this.#byResource.get(tableKey(group, resource)) ?? none).values();
  }

  countOf(group: string, resource: string): number {
    return this.#byResource.get(tableKey(group, resource))?.size ?? 0;
  }

  resourceOf(group: string, kind: string): string | undefined {
    return this.#resources.get(kindKey(group, kind));
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  #store(key: string, stored: Stored): void {
    this.#entries.set(key, stored);
    this.#table(stored.ref).set(key, stored);
  }

  #table(ref: { readonly group: string; readonly resource: string }): Map<string, Stored> {
    const name = tableKey(ref.group, ref.resource);
    const existing = this.#byResource.get(name);
    if (existing !== undefined) return existing;
    const created = new Map<string, Stored>();
    this.#byResource.set(name, created);
    return created;
  }

  #keepParsed(key: string, object: JsonObject, characters: number): void {
    this.#parsed.set(key, { object, characters });
    this.#parsedCharacters += characters;
    for (const [oldest] of this.#parsed) {
      if (this.#parsedCharacters <= this.limits.parsedCharacters) break;
      this.#forgetParsed(oldest);
    }
  }

  #forgetParsed(key: string): void {
    this.#parsedCharacters -= this.#parsed.get(key)?.characters ?? 0;
    this.#parsed.delete(key);
  }

  #cool(key: string): void {
    const characters = this.#warm.get(key);
    if (characters === undefined) return;
    this.#warm.delete(key);
    this.#warmCharacters -= characters;
  }

  #heat(key: string, characters: number): void {
    this.#cool(key);
    if (characters < compressFromCharacters) return;
    this.#warm.set(key, characters);
    this.#warmCharacters += characters;
    for (const [oldest] of this.#warm) {
      if (this.#warmCharacters <= this.limits.warmCharacters || oldest === key) break;
      this.#cool(oldest);
      const stored = this.#entries.get(oldest);
      if (stored !== undefined && typeof stored.text === 'string') stored.text = zstdCompressSync(stored.text);
    }
  }
}

export const createInventory = (limits: InventoryLimits = defaultInventoryLimits): Inventory =>
  new CompactInventory(limits);
