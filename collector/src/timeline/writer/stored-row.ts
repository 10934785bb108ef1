/**
 * A row as it will be stored, hashed and sent: values in column order, made storable whatever they hold. Text loses
 * unpaired surrogates (they have no UTF-8 form), integers are kept within their column's range, and objects get one
 * order of keys, so that what is hashed is exactly what a reader gets back.
 */
import type { ManagerEvidence } from '@driftline/proto';
import { chainValue, rowDigest } from '../chain/chain.ts';
import type { ColumnType, FieldValues, Table } from './tables.ts';
import { countsType, managersType } from './tables.ts';

export type StoredRow = {
  readonly sequence: number;
  readonly index: number;
  readonly values: readonly unknown[];
  readonly digest: string;
};

/** Rows of one batch in one table, by sequence and index. */
export function storedRows(table: Table, rows: readonly FieldValues[]): readonly StoredRow[] {
  const positions = new Map<number, number>();
  const stored = rows.map((row) => {
    const sequence = row['sequence'] as number;
    const position = positions.get(sequence) ?? 0;
    positions.set(sequence, position + 1);
    return storedRow(table, row, { sequence, index: (row['index'] as number | undefined) ?? position });
  });
  return stored.sort((a, b) => a.sequence - b.sequence || a.index - b.index);
}

function storedRow(
  table: Table,
  row: FieldValues,
  at: { readonly sequence: number; readonly index: number },
): StoredRow {
  const { columns } = table;
  const values = columns.map(({ field, type }) => storable(type, row[field]));
  return { ...at, values, digest: storedRowDigest(table, values, at, bodyHashOf(row)) };
}

/** Where the body is stored as it is, its hash is the content hash that was verified when it was applied. */
function bodyHashOf({ body, bodyHash }: FieldValues): string | undefined {
  return typeof bodyHash === 'string' && (body as string).isWellFormed() ? bodyHash : undefined;
}

export function storedRowDigest(
  table: Pick<Table, 'name' | 'columns'>,
  values: readonly unknown[],
  at: { readonly sequence: number; readonly index: number },
  bodyHash?: string,
): string {
  const chained = table.columns.map((column, i) =>
    bodyHash !== undefined && column.field === 'body' ? bodyHash : chainValue(column, values[i]),
  );
  return rowDigest({ table: table.name, sequence: at.sequence, index: at.index, values: chained });
}

export function storable(type: ColumnType, value: unknown): unknown {
  switch (type) {
    case 'String':
    case 'LowCardinality(String)':
    case 'FixedString(64)':
      return (value as string).toWellFormed();
    case 'UInt8':
      return integerWithin(value as number, 0, 0xff);
    case 'UInt32':
      return integerWithin(value as number, 0, 0xffff_ffff);
    case 'UInt64':
      return integerWithin(value as number, 0, Number.MAX_SAFE_INTEGER);
    case 'Int64':
      return integerWithin(value as number, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    case 'Float64':
      return Number.isFinite(value) ? (value as number) + 0 : 0;
    case 'Bool':
      return value === true;
    case 'Array(LowCardinality(String))':
      return wellFormed(value as readonly string[]);
    case countsType:
      return counts(value as Readonly<Record<string, number>>);
    case managersType:
      return (value as readonly ManagerEvidence[]).map(storableManager);
  }
}

function storableManager(evidence: ManagerEvidence): ManagerEvidence {
  return {
    manager: evidence.manager.toWellFormed(),
    operation: evidence.operation.toWellFormed(),
    subresource: evidence.subresource.toWellFormed(),
    timeUs: storable('Int64', evidence.timeUs) as number,
    paths: wellFormed(evidence.paths),
  };
}

function wellFormed(texts: readonly string[]): readonly string[] {
  return texts.every(isWellFormed) ? texts : texts.map((text) => text.toWellFormed());
}

const isWellFormed = (text: string): boolean => text.isWellFormed();

function counts(record: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const keys = Object.keys(record).sort();
  return Object.fromEntries(keys.map((key) => [key, integerWithin(record[key] ?? 0, 0, 0xffff_ffff)]));
}

function integerWithin(value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value + 0;
  if (Number.isNaN(value)) return 0;
  return Math.trunc(Math.min(Math.max(value, least), most)) + 0;
}
