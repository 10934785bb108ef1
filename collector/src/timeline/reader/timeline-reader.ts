/**
 * Typed reading. A query is a .sql file with ClickHouse's {name:Type} parameters; rows come as objects whose fields are
 * the column names in camelCase. 64-bit integers are numbers (all of ours are within 2^53, and one that is not throws
 * 'unsafe-integer'); everything else is as JSON has it. Rows stream: memory does not grow with the answer.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { openStoreClient, type StoreConnection } from '../connection/store-connection.ts';
import { TimelineError } from '../timeline-error.ts';
import { isRefusal } from '../writer/classify-failure.ts';
import { camelCase } from '../writer/tables.ts';
import type { SqlFile } from './sql-file.ts';

/** Values as @clickhouse/client formats them: arrays and TupleParam included. */
export type SqlParameters = Readonly<Record<string, unknown>>;

export type TimelineReader = {
  /** Throws TimelineError 'store-refused' | 'store-unreachable'. Leaving the loop early ends the query. */
  query<Row>(sql: SqlFile, parameters: SqlParameters): AsyncGenerator<Row, void, undefined>;
  all<Row>(sql: SqlFile, parameters: SqlParameters): Promise<readonly Row[]>;
  close(): Promise<void>;
};

/** Bounds of one query in the store; what passes them fails with ClickHouse's own code. */
export type QueryLimits = { readonly queryTimeoutMs: number; readonly queryMemoryBytes: number };

export function openTimelineReader(connection: StoreConnection, limits?: QueryLimits): TimelineReader {
  if (limits === undefined) return timelineReader(openStoreClient(connection, 'reader'));
  const bounds = {
    max_execution_time: limits.queryTimeoutMs / 1_000,
    max_memory_usage: String(limits.queryMemoryBytes),
    // An answer that fails half-way fails whole, with a code.
    wait_end_of_query: 1,
  } as const;
  return timelineReader(openStoreClient(connection, 'reader', bounds));
}

/** Closing the reader closes the client. */
export function timelineReader(client: ClickHouseClient): TimelineReader {
  return {
    query: (sql, parameters) => streamRows(client, sql, parameters),
    async all<Row>(sql: SqlFile, parameters: SqlParameters) {
      const rows: Row[] = [];
      for await (const row of streamRows<Row>(client, sql, parameters)) rows.push(row);
      return rows;
    },
    close: () => client.close(),
  };
}

async function* streamRows<Row>(
  client: ClickHouseClient,
  sql: SqlFile,
  parameters: SqlParameters,
): AsyncGenerator<Row, void, undefined> {
  try {
    const result = await client.query({
      query: sql.text,
      query_params: { ...parameters },
      format: 'JSONCompactEachRowWithNamesAndTypes',
    });
    let names: readonly string[] | undefined;
    let toRow: ((values: readonly unknown[]) => Row) | undefined;
    for await (const chunk of result.stream<readonly unknown[]>()) {
      for (const line of chunk) {
        const values = line.json<readonly unknown[]>();
        if (toRow !== undefined) yield toRow(values);
        else if (names === undefined) names = values as readonly string[];
        else toRow = rowMaker(names, values as readonly string[]) as (values: readonly unknown[]) => Row;
      }
    }
  } catch (cause) {
    throw cause instanceof TimelineError ? cause : readFailure(sql, cause);
  }
}

function readFailure(sql: SqlFile, cause: unknown): TimelineError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return isRefusal(cause)
    ? new TimelineError('store-refused', `The store refuses ${sql.name}: ${why}`, { cause })
    : new TimelineError('store-unreachable', `Reading ${sql.name} from the store failed: ${why}`, { cause });
}

function rowMaker(names: readonly string[], types: readonly string[]): (values: readonly unknown[]) => object {
  const fields = names.map(camelCase);
  const convert = types.map(converter);
  return (values) => {
    const row: Record<string, unknown> = {};
    for (const [i, field] of fields.entries()) row[field] = (convert[i] ?? asIs)(values[i]);
    return row;
  };
}

const asIs = (value: unknown): unknown => value;

function converter(type: string): (value: unknown) => unknown {
  if (/^(Nullable\()?U?Int64\)?$/.test(type)) return (value) => (value === null ? null : safeInteger(value));
  if (/^Array\(U?Int64\)$/.test(type)) return (value) => (value as readonly unknown[]).map(safeInteger);
  if (type.startsWith('Array(Tuple(manager '))
    return (value) => (value as readonly { timeUs: unknown }[]).map(withTime);
  return asIs;
}

function withTime<T extends { readonly timeUs: unknown }>(item: T): T {
  return { ...item, timeUs: safeInteger(item.timeUs) };
}

function safeInteger(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new TimelineError(
      'unsafe-integer',
      `The store holds the integer ${String(value)}, which is beyond 2^53: it was not written by a collector.`,
    );
  }
  return number;
}
