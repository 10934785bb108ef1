/**
 * Rows in ClickHouse's RowBinaryWithNamesAndTypes. The header names every column with its type, so that the server
 * refuses rows made for another schema instead of misreading them.
 */
import type { ManagerEvidence } from '@driftline/proto';
import { type Column, type ColumnType, countsType, managersType } from './tables.ts';

const initialBytes = 64 * 1024;
/** Up to here a loop writes faster than a call; the length then takes one byte. */
const shortCharacters = 64;
const maxVarintBytes = 10;

const varintBytes = (value: number): number => {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
};

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
      case countsType:
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
    const { length } = text;
    if (length < shortCharacters && this.#shortAscii(text, length)) return;
    // Mostly ASCII: then the characters are the bytes, and counting them first was for nothing.
    this.#reserve(length * 3 + maxVarintBytes);
    const start = this.#length;
    this.#varint(length);
    const textAt = this.#length;
    const bytes = this.#buffer.write(text, textAt, 'utf8');
    this.#length = textAt + bytes;
    if (bytes === length) return;
    const headBytes = varintBytes(bytes);
    this.#buffer.copyWithin(start + headBytes, textAt, textAt + bytes);
    this.#length = start;
    this.#varint(bytes);
    this.#length += bytes;
  }

  /** False, with nothing written, when the text holds more than ASCII. Calls into native code cost more than the loop. */
  #shortAscii(text: string, length: number): boolean {
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    const at = this.#length + 1;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return false;
      buffer[at + i] = code;
    }
    buffer[at - 1] = length;
    this.#length = at + length;
    return true;
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
    // Two halves: a BigInt for each number costs an allocation.
    const high = Math.floor(value / 2 ** 32);
    this.#buffer.writeInt32LE((value - high * 2 ** 32) | 0, this.#length);
    this.#length = this.#buffer.writeInt32LE(high | 0, this.#length + 4);
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
