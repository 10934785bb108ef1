/** One way to reach a timeline store, embedded or external: the same client over HTTP, three users. */
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';

export type StoreUser = { readonly user: string; readonly password: string };

export type StoreConnection = {
  /** `http://host:port` or `https://host:port`, without credentials. */
  readonly url: string;
  readonly database: string;
  /** Runs migrations, and nothing else. */
  readonly owner: StoreUser;
  /** May insert and select. */
  readonly writer: StoreUser;
  /** May select. */
  readonly reader: StoreUser;
};

export type StoreRole = 'owner' | 'writer' | 'reader';

/** Silence on the socket after which a request counts as failed; readers may be slow to take a long answer. */
const requestTimeoutMs = { owner: 120_000, writer: 30_000, reader: 300_000 } as const;
const maxOpenConnections = 24;

/**
 * Opens a client for one role. async_insert stays off because inserts are batched here and must be durable when they
 * answer; 64-bit integers come quoted so that none is rounded.
 */
export function openStoreClient(
  connection: StoreConnection,
  role: StoreRole,
  settings: ClickHouseSettings = {},
): ClickHouseClient {
  const { user, password } = connection[role];
  return createClient({
    url: connection.url,
    database: connection.database,
    application: `driftline-${role}`,
    // Credentials in these headers, not as Basic: the embedded server's handler looks for them.
    set_basic_auth_header: false,
    http_headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password },
    request_timeout: requestTimeoutMs[role],
    max_open_connections: maxOpenConnections,
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      ...settings,
      output_format_json_quote_64bit_integers: 1,
      ...(role === 'reader' ? {} : { async_insert: 0, input_format_skip_unknown_fields: 0 }),
    },
  });
}
