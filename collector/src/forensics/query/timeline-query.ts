/** What the queries need of a store: run a SQL file with typed parameters, get its rows as JSON objects. */
import type { SqlFile } from '../../timeline/reader/sql-file.ts';

/** 64-bit integers come as strings (ClickHouse quotes them, so that none is rounded): see `toNumber`. */
export type Int64 = string | number;

export type TimelineQuery = <Row>(
  sql: SqlFile,
  parameters: Readonly<Record<string, unknown>>,
) => Promise<readonly Row[]>;

/** Sequences and microseconds stay below 2^53. */
export function toNumber(value: Int64): number {
  return typeof value === 'number' ? value : Number(value);
}

/** RFC 3339 with microseconds, UTC. */
export function toRfc3339(timeUs: Int64): string {
  const us = toNumber(timeUs);
  const wholeSecondMs = Math.floor(us / 1_000_000) * 1_000;
  const text = new Date(wholeSecondMs).toISOString();
  return `${text.slice(0, -5)}.${String(us - wholeSecondMs * 1_000).padStart(6, '0')}Z`;
}

/** The latest moment the store can be asked about (year 9999). */
export const endOfTimeUs = 253_402_300_799_000_000;
