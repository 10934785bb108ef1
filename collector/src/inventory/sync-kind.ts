/**
 * The end of a kind's list in a new epoch. The agent has lost its memory, so deletes that happened meanwhile were never
 * sent: what an older epoch reported and this one did not is gone. That conclusion needs the whole epoch to have been
 * seen by this process; where it was not (a restart in the middle), the objects are asked for instead: the agent sends
 * each one whole, or its delete. That they are as many as the agent counted proves nothing: one may have come for one
 * that went.
 */
import { objectKey } from '@driftline/proto';
import type { KindSynced, ObjectRef } from '@driftline/proto';
import type { Inventory, InventoryEntry, RemovedEntry } from './inventory.ts';

export type KindSync = { readonly deleted: readonly RemovedEntry[]; readonly unsure: readonly ObjectRef[] };

const byPlace = (a: InventoryEntry, b: InventoryEntry): number => {
  const left = objectKey(a.ref);
  const right = objectKey(b.ref);
  return left < right ? -1 : left > right ? 1 : 0;
};

/** Removes what is surely gone from the inventory, in the order of namespace and name. */
export const syncKind = (
  inventory: Inventory,
  synced: KindSynced,
  stream: { readonly epoch: string; readonly seenFromStart: boolean },
): KindSync => {
  const stale: InventoryEntry[] = [];
  for (const entry of inventory.ofResource(synced.group, synced.resource))
    if (entry.epoch !== stream.epoch) stale.push(entry);
  stale.sort(byPlace);
  if (!stream.seenFromStart) return { deleted: [], unsure: stale.map((entry) => entry.ref) };
  const deleted = stale.map((entry) => inventory.remove(objectKey(entry.ref)));
  return { deleted: deleted.filter((entry) => entry !== undefined), unsure: [] };
};
