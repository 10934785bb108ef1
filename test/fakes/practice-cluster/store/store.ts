import type { KubeObject } from '../object/kube-object.ts';
import { type Kind, storageKey } from './kind.ts';
import { KindRegistry } from './kind-registry.ts';
import { type Change, Storage } from './storage.ts';

export type Commit = { readonly kind: Kind; readonly change: Change };

/** Key of an object inside its storage; list order is the order of these keys. */
export const objectKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/**
 * Every object, under one revision counter: each write gets the next revision, which is the object's resourceVersion.
 * What a CustomResourceDefinition's removal means for its objects is the business of the controllers.
 */
export class Store {
  readonly kinds = new KindRegistry();
  readonly #storages = new Map<string, Storage>();
  readonly #windowChanges: number;
  readonly #listeners = new Set<(commit: Commit) => void>();
  #revision: number;
  /** Older revisions than this are gone for kinds without any change since. */
  #baseRevision: number;

  constructor(options: { windowChanges: number; revision?: number }) {
    this.#windowChanges = options.windowChanges;
    this.#revision = options.revision ?? 1;
    this.#baseRevision = this.#revision;
  }

  get revision(): number {
    return this.#revision;
  }

  storage(kind: { group: string; resource: string }): Storage {
    const key = storageKey(kind);
    let storage = this.#storages.get(key);
    if (storage === undefined) {
      storage = new Storage(this.#windowChanges, this.#baseRevision);
      this.#storages.set(key, storage);
    }
    return storage;
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.#storages.get(resource)?.get(objectKey(namespace, name));
  }

  /** All objects of a storage key such as `deployments.apps`, of one namespace when it is given. */
  list(resource: string, namespace?: string): KubeObject[] {
    const storage = this.#storages.get(resource);
    if (storage === undefined) return [];
    return namespace === undefined ? [...storage.values()] : storage.under(`${namespace}/`);
  }

  /** Stores `next` (undefined: deletes) and returns it with its new resourceVersion. */
  commit(kind: Kind, key: string, next: KubeObject | undefined): KubeObject {
    const storage = this.storage(kind);
    const previous = storage.get(key);
    const base = next ?? previous;
    if (base === undefined) throw new Error(`practice cluster: nothing stored at ${storageKey(kind)} ${key}`);
    const revision = this.#revision + 1;
    const object = { ...base, metadata: { ...base.metadata, resourceVersion: String(revision) } };
    const type = next === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
    this.replay(kind, { type, revision, key, object, previous });
    return object;
  }

  /** Records a change whose revision is already decided: a commit, or one read back from the state file. */
  replay(kind: Kind, change: Change): void {
    this.#revision = Math.max(this.#revision, change.revision);
    this.#follow(kind, change);
    this.storage(kind).record(change);
    for (const listener of this.#listeners) listener({ kind, change });
  }

  /** A starting state without history. */
  restore(kind: Kind, key: string, object: KubeObject): void {
    if (kind.kind === 'CustomResourceDefinition' && kind.custom === undefined) this.kinds.addCustom(object);
    this.storage(kind).restore(key, object);
  }

  /** Starts from a saved state: call before restoring its objects. */
  startAt(revision: number): void {
    this.#revision = revision;
    this.#baseRevision = revision;
  }

  /** Every object with its storage key, for saving. */
  *entries(): Generator<{ storageKey: string; key: string; object: KubeObject }> {
    for (const [storageKey, storage] of this.#storages) {
      for (const key of storage.keys()) {
        const object = storage.get(key);
        if (object !== undefined) yield { storageKey, key, object };
      }
    }
  }

  subscribe(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Empties every watch window: what is older than now answers 410. */
  compact(): void {
    this.#baseRevision = this.#revision;
    for (const storage of this.#storages.values()) storage.compact(this.#revision);
  }

  #follow(kind: Kind, change: Change): void {
    if (kind.kind !== 'CustomResourceDefinition' || kind.custom !== undefined) return;
    if (change.type === 'DELETED') this.kinds.removeCustom(change.object);
    else this.kinds.addCustom(change.object);
  }
}
