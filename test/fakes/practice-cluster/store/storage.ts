import type { KubeObject } from '../object/kube-object.ts';

/** What one revision did to one object. `object` of a DELETED change is the last state, at the deletion's revision. */
export type Change = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly key: string;
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
};

/**
 * The objects of one kind, in key order, with the changes of the watch window. The state at any revision that is not
 * older than `floorRevision` can be rebuilt by undoing changes; an older one is gone for good.
 */
export class Storage {
  readonly #objects = new Map<string, KubeObject>();
  #keys: string[] = [];
  #changes: Change[] = [];
  /** Position of `#changes[0]` in the whole history, so that watchers can hold a position while the window moves. */
  #firstPosition = 0;
  readonly #windowChanges: number;
  readonly #listeners = new Set<() => void>();
  floorRevision: number;

  constructor(windowChanges: number, floorRevision: number) {
    this.#windowChanges = windowChanges;
    this.floorRevision = floorRevision;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** Keys in order, from the first one that is not before `from`. The array must not be changed. */
  keys(): readonly string[] {
    return this.#keys;
  }

  /** The objects whose keys begin with `prefix`, in order. */
  under(prefix: string): KubeObject[] {
    const found: KubeObject[] = [];
    for (let index = lowerBound(this.#keys, prefix); index < this.#keys.length; index += 1) {
      const key = this.#keys[index] ?? '';
      if (!key.startsWith(prefix)) break;
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  record(change: Change): void {
    if (change.type === 'DELETED') this.#drop(change.key);
    else this.#put(change.key, change.object);
    this.#changes.push(change);
    if (this.#changes.length >= this.#windowChanges * 2) this.#trim(this.#windowChanges);
    for (const listener of this.#listeners) listener();
  }

  /** Loads an object without history: a restart's starting state. */
  restore(key: string, object: KubeObject): void {
    this.#put(key, object);
  }

  /** Forgets the window: watches and lists from before `revision` get 410. */
  compact(revision: number): void {
    this.#trim(0);
    this.floorRevision = revision;
    for (const listener of this.#listeners) listener();
  }

  /** Called after each change, and after a compaction. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Position of the first change after `revision`; undefined when the window does not reach that far back. */
  positionAfter(revision: number): number | undefined {
    if (revision < this.floorRevision) return undefined;
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#firstPosition + low;
  }

  /** The change at a position; 'gone' when it left the window, undefined when it has not happened yet. */
  changeAt(position: number): Change | 'gone' | undefined {
    return position < this.#firstPosition ? 'gone' : this.#changes[position - this.#firstPosition];
  }

  /** What differs from now at `revision`: the object as it was, or undefined where it did not exist. */
  overlayAt(revision: number): ReadonlyMap<string, KubeObject | undefined> {
    const overlay = new Map<string, KubeObject | undefined>();
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || change.revision <= revision) break;
      overlay.set(change.key, change.previous);
    }
    return overlay;
  }

  #put(key: string, object: KubeObject): void {
    if (!this.#objects.has(key)) this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    this.#objects.set(key, object);
  }

  #drop(key: string): void {
    if (!this.#objects.delete(key)) return;
    this.#keys.splice(lowerBound(this.#keys, key), 1);
  }

  #trim(keep: number): void {
    const dropped = this.#changes.length - keep;
    if (dropped <= 0) return;
    this.floorRevision = this.#changes[dropped - 1]?.revision ?? this.floorRevision;
    this.#changes = this.#changes.slice(dropped);
    this.#firstPosition += dropped;
  }
}

/** Index of the first key that is not before `key`. */
export const lowerBound = (keys: readonly string[], key: string): number => {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
};
