/**
 * The hash chain of a stream, as SCHEMA.md specifies it: row digest → batch root → link to the batch
 * before. Everything is lower-case hex SHA-256 over UTF-8 JSON texts, so that any language can verify it.
 */
import { hash } from 'node:crypto';
import type { StreamId } from '../rows.ts';
import { type Column, countsType, managersType } from '../writer/tables.ts';

/** What is recorded now. Version 1 lacks the columns that came later (`Column.since`). */
export const chainVersion = 3;
export const chainVersions: readonly number[] = [1, 2, chainVersion];

/** `prev` of a stream's first batch. */
export const genesisLink = '0'.repeat(64);

export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** A row as the chain sees it: where it stands, and its columns' values with the long texts replaced by their digests. */
export type ChainRow = {
  readonly table: string;
  readonly sequence: number;
  readonly index: number;
  readonly values: readonly unknown[];
};

/** Of the JSON list that holds table, sequence, index and the values. */
export function rowDigest({ table, sequence, index, values }: ChainRow): string {
  return sha256(JSON.stringify([table, sequence, index, ...values]));
}

/** The chain's form of a stored value; `managers` and counts become arrays so that key order cannot matter. */
export function chainValue(column: Column, value: unknown): unknown {
  if (column.isLong) return sha256(value as string);
  if (column.type === countsType) return Object.entries(value as object);
  if (column.type === managersType) return (value as readonly object[]).map((item) => Object.values(item));
  return value;
}

/** Digests in the order of sequence, then table (as recordTables lists them), then index. */
export function batchRoot(rowDigests: readonly string[]): string {
  return sha256(JSON.stringify(rowDigests));
}

export type LinkInput = {
  readonly version: number;
  readonly stream: StreamId;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly recordedAtUs: number;
  readonly root: string;
  readonly prev: string;
};

export function batchLink(input: LinkInput): string {
  const { version, stream, firstSequence, lastSequence, recordedAtUs, root, prev } = input;
  return sha256(
    JSON.stringify([
      version,
      prev,
      root,
      stream.tenant,
      stream.cluster,
      stream.epoch,
      firstSequence,
      lastSequence,
      recordedAtUs,
    ]),
  );
}
