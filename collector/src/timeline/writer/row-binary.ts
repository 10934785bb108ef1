/**
 * Rows in ClickHouse's RowBinaryWithNamesAndTypes. The header names every column with its type, so that the server
 * refuses rows made for another schema instead of misreading them.
 */
import type { ManagerEvidence } from '@driftline/proto';
import { type Column, type ColumnType, managersType } from './tables.ts';

const initialBytes = 64 * 1024;

export class RowBinaryWriter {
  #buffer = Buffer.allocUnsafe(initialBytes);
  #length = 0;

  constructor(columns: readonly Column[]) {
    this.#varint(columns.length);
    for (const { name } of columns) this.#string(name);
    for (const { type } of columns) this.#string(type);
  }

  get bytes(): number {
    return this.#length;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Numbers must be safe integers where the type is an integer; strings well-formed. */
  value(type: ColumnType, value: unknown): void {
    switch (type) {
      case 'String':
      case 'LowCardinality(String)':
        return this.#string(value as string);
      case 'FixedString(64)':
        return this.#raw(value as string);
      case 'UInt8':
        return this.#byte(value as number);
      case 'Bool':
        return this.#byte(value === true ? 1 : 0);
      case 'UInt32':
        return this.#uint32(value as number);
      case 'UInt64':
      case 'Int64':
        return this.#int64(value as number);
      case 'Float64':
        return this.#float64(value as number);
      case 'Array(LowCardinality(String))':
        return this.#strings(value as readonly string[]);
      case 'Map(LowCardinality(String), UInt32)':
        return this.#counts(value as Readonly<Record<string, number>>);
      case managersType:
        return this.#managers(value as readonly ManagerEvidence[]);
    }
  }

  #strings(values: readonly string[]): void {
    this.#varint(values.length);
    for (const value of values) this.#string(value);
  }

  #counts(counts: Readonly<Record<string, number>>): void {
    const entries = Object.entries(counts);
    this.#varint(entries.length);
    for (const [key, count] of entries) {
      this.#string(key);
      this.#uint32(count);
    }
  }

  #managers(managers: readonly ManagerEvidence[]): void {
    this.#varint(managers.length);
    for (const manager of managers) {
      this.#string(manager.manager);
      this.#string(manager.operation);
      this.#string(manager.subresource);
      this.#int64(manager.timeUs);
      this.#strings(manager.paths);
    }
  }

  #string(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(text, this.#length, bytes, 'utf8');
  }

  #raw(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  #uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  #int64(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64LE(BigInt(value), this.#length);
  }

  #float64(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
