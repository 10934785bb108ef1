import type { KubeObject } from '../object/kube-object.ts';
import type { Commit } from '../store/store.ts';

/** Who depends on whom, kept up with every change, so that a deletion does not have to look at every object. */
export class OwnerIndex {
  readonly #alive = new Set<string>();
  readonly #dependents = new Map<string, Map<string, KubeObject>>();

  follow({ change }: Commit): void {
    const { uid } = change.object.metadata;
    for (const owner of ownersOf(change.previous)) this.#forget(owner, uid);
    if (change.type === 'DELETED') {
      this.#alive.delete(uid);
      for (const owner of ownersOf(change.object)) this.#forget(owner, uid);
      return;
    }
    this.#alive.add(uid);
    for (const owner of ownersOf(change.object)) this.#add(owner, change.object);
  }

  dependents(uid: string): KubeObject[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])];
  }

  exists(uid: string): boolean {
    return this.#alive.has(uid);
  }

  #add(owner: string, object: KubeObject): void {
    const dependents = this.#dependents.get(owner) ?? new Map<string, KubeObject>();
    dependents.set(object.metadata.uid, object);
    this.#dependents.set(owner, dependents);
  }

  #forget(owner: string, uid: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(uid);
    if (dependents?.size === 0) this.#dependents.delete(owner);
  }
}

const ownersOf = (object: KubeObject | undefined): string[] =>
  object?.metadata.ownerReferences?.map((owner) => owner.uid) ?? [];
