/** Batches of many clusters, taken apart: what happens to one cluster must not touch another. */
import type { ClusterId } from '../timeline/timeline.ts';
import type { StreamBatch } from './bus.ts';

export const clusterKey = ({ tenant, cluster }: ClusterId): string => `${tenant}\n${cluster}`;

/** In the order in which the clusters come first; within each, in the order given. */
export const byCluster = (batches: readonly StreamBatch[]): Iterable<[ClusterId, StreamBatch[]]> => {
  const clusters = new Map<string, [ClusterId, StreamBatch[]]>();
  for (const batch of batches) {
    const { tenant, cluster } = batch.stream;
    const key = clusterKey(batch.stream);
    const known = clusters.get(key);
    if (known === undefined) clusters.set(key, [{ tenant, cluster }, [batch]]);
    else known[1].push(batch);
  }
  return clusters.values();
};
