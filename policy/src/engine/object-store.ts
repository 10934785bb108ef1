/** Where the engine finds an object again: the caller's inventory, which may keep it compressed. */
import type { JsonObject } from '@driftline/proto';
import type { ObjectChange, ObjectKey } from '../contract.ts';

/**
 * The caller takes a batch of changes into the store before it hands them to the engine. Reads are rare: the engine
 * keeps facts, labels and verdicts, and the objects of a batch while it is judged.
 */
export type ObjectStore = { get(key: ObjectKey): JsonObject | undefined };

/** Objects in memory as they are. */
export function createMemoryObjectStore(): ObjectStore & {
  take(changes: readonly ObjectChange[]): void;
  all(): readonly ObjectChange[];
} {
  const kinds = new Map<string, Map<string, Map<string, ObjectChange>>>();
  const level = <T>(map: Map<string, Map<string, T>>, key: string): Map<string, T> => {
    const known = map.get(key) ?? new Map<string, T>();
    map.set(key, known);
    return known;
  };
  return {
    get: (key) => kinds.get(`${key.group}/${key.kind}`)?.get(key.namespace)?.get(key.name)?.after,
    take(changes) {
      for (const change of changes) {
        const inNamespace = level(level(kinds, `${change.key.group}/${change.key.kind}`), change.key.namespace);
        if (change.after === undefined) inNamespace.delete(change.key.name);
        else inNamespace.set(change.key.name, change);
      }
    },
    all: () =>
      [...kinds.values()].flatMap((byNamespace) => [...byNamespace.values()].flatMap((byName) => [...byName.values()])),
  };
}
