import type { EmbeddedClickHouse } from '@driftline/collector';
import type { StoreAccess } from './recorded.ts';

type Connection = EmbeddedClickHouse['connection'];

/** The server's address and its three users, as a person would set them. */
export const storeVariables = ({
  url,
  database,
  owner,
  writer,
  reader,
}: Connection): Readonly<Record<string, string>> => ({
  CLICKHOUSE_URL: url,
  CLICKHOUSE_DATABASE: database,
  CLICKHOUSE_USER: owner.user,
  CLICKHOUSE_PASSWORD: owner.password,
  CLICKHOUSE_WRITER_USER: writer.user,
  CLICKHOUSE_WRITER_PASSWORD: writer.password,
  CLICKHOUSE_READER_USER: reader.user,
  CLICKHOUSE_READER_PASSWORD: reader.password,
});

export const readerOf = ({ url, database, reader }: Connection): StoreAccess => ({ url, database, ...reader });
