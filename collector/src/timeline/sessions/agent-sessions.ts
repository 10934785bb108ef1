/** What agents said about themselves when they connected: for status, outside the chain. */
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import type { StreamId } from '../rows.ts';
import { insertRows } from '../writer/insert-rows.ts';
import { fieldsInsert } from '../writer/table-inserts.ts';
import { column } from '../writer/tables.ts';

export type AgentSession = StreamId & {
  readonly instance: string;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly connectedAtUs: number;
};

export type AgentSessions = {
  /** Durable once resolved; rejects as the store does. Losing one costs nothing but a line in status. */
  append(session: AgentSession): Promise<void>;
  close(): Promise<void>;
};

const columns = [
  column('tenant', 'LowCardinality(String)'),
  column('cluster', 'LowCardinality(String)'),
  column('epoch', 'LowCardinality(String)'),
  column('instance', 'String'),
  column('agentVersion', 'LowCardinality(String)'),
  column('kubernetesVersion', 'LowCardinality(String)'),
  column('connectedAtUs', 'Int64'),
];

export function openAgentSessions(connection: StoreConnection): AgentSessions {
  const client = openStoreClient(connection, 'writer');
  const closing = new AbortController();
  return {
    append: (session) => insertRows(client, fieldsInsert('agent_sessions', columns, [session]), closing.signal),
    async close() {
      closing.abort();
      await client.close();
    },
  };
}
