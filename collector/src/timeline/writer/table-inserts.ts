/** Turns planned rows into insert requests of bounded size, whose tokens follow from the rows alone. */
import { sha256 } from '../chain/chain.ts';
import type { InsertRequest } from './insert-rows.ts';
import type { TableRows } from './plan-batches.ts';
import { RowBinaryWriter } from './row-binary.ts';
import { storable } from './stored-row.ts';
import { type Column, commitColumns, epochColumns, type FieldValues, recordTables, sharedColumns } from './tables.ts';

/**
 * One request after another, encoded as it is asked for. The token names content, not only the range of sequences: a
 * writer that leaves out rows which are already there must not be mistaken for the one that sent them all.
 */
export function* tableInserts(
  tableName: string,
  parts: readonly TableRows[],
  maxBytes: number,
): Generator<InsertRequest> {
  const table = recordTables.find(({ name }) => name === tableName);
  if (table === undefined) throw new RangeError(`no record table ${tableName}`);
  const columns = [...sharedColumns, ...table.columns];
  let request = new RequestBuilder(tableName, columns);
  for (const { state, rows } of parts) {
    const { tenant, cluster, epoch } = state.stream;
    const identity = `${tenant}\0${cluster}\0${epoch}\0`;
    for (const row of rows) {
      const shared = [tenant, cluster, epoch, state.epochOrdinal, row.sequence, row.index];
      request.add(shared, row.values, identity + row.digest);
      if (request.bytes < maxBytes) continue;
      yield request.finish();
      request = new RequestBuilder(tableName, columns);
    }
  }
  if (!request.isEmpty) yield request.finish();
}

export function commitInsert(commits: readonly FieldValues[]): InsertRequest {
  return fieldsInsert('batch_commits', commitColumns, commits);
}

export function epochInsert(epoch: FieldValues): InsertRequest {
  return fieldsInsert('epochs', epochColumns, [epoch]);
}

export function fieldsInsert(table: string, columns: readonly Column[], rows: readonly FieldValues[]): InsertRequest {
  const request = new RequestBuilder(table, columns);
  for (const row of rows) {
    const values = columns.map(({ field, type }) => storable(type, row[field]));
    request.add([], values, JSON.stringify(values));
  }
  return request.finish();
}

class RequestBuilder {
  readonly #table: string;
  readonly #columns: readonly Column[];
  readonly #encoder: RowBinaryWriter;
  readonly #identities: string[] = [];

  constructor(table: string, columns: readonly Column[]) {
    this.#table = table;
    this.#columns = columns;
    this.#encoder = new RowBinaryWriter(columns);
  }

  get bytes(): number {
    return this.#encoder.bytes;
  }

  get isEmpty(): boolean {
    return this.#identities.length === 0;
  }

  /** Values of all columns: `first`, then `others`. */
  add(first: readonly unknown[], others: readonly unknown[], identity: string): void {
    let at = 0;
    for (const { type } of this.#columns) {
      this.#encoder.value(type, at < first.length ? first[at] : others[at - first.length]);
      at += 1;
    }
    this.#identities.push(identity);
  }

  finish(): InsertRequest {
    return {
      table: this.#table,
      bytes: this.#encoder.finish(),
      columnNames: this.#columns.map(({ name }) => name),
      token: `${this.#table}:${sha256(this.#identities.join('\n'))}`,
    };
  }
}
