import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RowBinaryWriter } from './row-binary.ts';
import { column } from './tables.ts';

const columns = [column('text', 'String'), column('number', 'Int64')];

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(value >> 7)]);
const plain = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from(varint(bytes.byteLength)), bytes]);
};
const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

/** Texts around the lengths where the way of writing, or the bytes of the length, change; ASCII and not. */
const text = fc
  .tuple(
    fc.constantFrom(0, 1, 41, 62, 63, 64, 65, 126, 127, 128, 129, 5_460, 5_462, 16_383, 16_384, 70_000),
    fc.constantFrom('', 'ü', '€', '\u{1f600}'),
    fc.boolean(),
  )
  .map(([length, other, isFirst]) => (isFirst ? other + 'a'.repeat(length) : 'a'.repeat(length) + other));
const number = fc.oneof(
  fc.constantFrom(0, -1, 1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 2 ** 32 - 1, 2 ** 53 - 1, 1 - 2 ** 53),
  fc.maxSafeInteger(),
);

test('texts and integers are written as they are defined, whatever their length', () => {
  const header = new RowBinaryWriter(columns).finish().byteLength;
  fc.assert(
    fc.property(fc.array(fc.tuple(text, number), { maxLength: 8 }), (rows) => {
      const writer = new RowBinaryWriter(columns);
      for (const [each, value] of rows) {
        writer.value('String', each);
        writer.value('Int64', value);
      }
      const expected = Buffer.concat(rows.flatMap(([each, value]) => [plain(each), integer(value)]));
      assert.ok(writer.finish().subarray(header).equals(expected));
    }),
    { numRuns: 300 },
  );
});
