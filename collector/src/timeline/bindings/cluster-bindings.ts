/**
 * Which Kubernetes cluster a name stands for: the uid of its kube-system namespace. The first agent of a name binds it;
 * an operator's word can bind it anew. Bindings are records: numbered, only ever added, outside the chain of any stream
 * because they decide who may have one. Read from the store each time, since any gateway may have added one.
 */
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { loadSql } from '../reader/sql-file.ts';
import { timelineReader } from '../reader/timeline-reader.ts';
import type { ClusterId } from '../timeline.ts';
import { column } from '../writer/tables.ts';
import { insertFirst } from './first-insert.ts';

export type ClusterBinding = {
  /** 1, 2, …: the latest counts. */
  readonly bindingOrdinal: number;
  readonly clusterUid: string;
  readonly boundAtUs: number;
};

export type NewBinding = {
  readonly clusterUid: string;
  /** `first-seen`: nobody had the name; `declared`: the operator says so. */
  readonly cause: 'first-seen' | 'declared';
  readonly epoch: string;
  readonly instance: string;
  readonly boundAtUs: number;
};

export type ClusterBindings = {
  /** Throws TimelineError. */
  find(cluster: ClusterId): Promise<ClusterBinding | undefined>;
  /**
   * Adds the binding after `before`, unless somebody else did meanwhile; answers what counts now. Rejects as the store
   * does.
   */
  bind(cluster: ClusterId, before: ClusterBinding | undefined, binding: NewBinding): Promise<ClusterBinding>;
  close(): Promise<void>;
};

const bindingSql = loadSql(import.meta.url, './binding.sql');
const table = {
  name: 'cluster_bindings',
  columns: [
    column('tenant', 'LowCardinality(String)'),
    column('cluster', 'LowCardinality(String)'),
    column('bindingOrdinal', 'UInt32'),
    column('clusterUid', 'String'),
    column('cause', 'LowCardinality(String)'),
    column('epoch', 'LowCardinality(String)'),
    column('instance', 'String'),
    column('boundAtUs', 'Int64'),
  ],
};

export function openClusterBindings(connection: StoreConnection): ClusterBindings {
  const client = openStoreClient(connection, 'writer');
  const reader = timelineReader(client);
  const closing = new AbortController();
  async function find({ tenant, cluster }: ClusterId): Promise<ClusterBinding | undefined> {
    const [binding] = await reader.all<ClusterBinding>(bindingSql, { tenant, cluster });
    return binding;
  }
  return {
    find,
    async bind({ tenant, cluster }, before, binding) {
      const bindingOrdinal = (before?.bindingOrdinal ?? 0) + 1;
      const place = [tenant, cluster, bindingOrdinal];
      const row = { tenant, cluster, bindingOrdinal, ...binding };
      await insertFirst(client, table, row, { place, signal: closing.signal });
      return (await find({ tenant, cluster })) ?? { bindingOrdinal, ...binding };
    },
    async close() {
      closing.abort();
      await client.close();
    },
  };
}
