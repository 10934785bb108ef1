/** Passes one WebAssembly instruction and its immediates. */
import { BadModule } from './bad-module.ts';
import type { BinaryReader } from './binary-reader.ts';

export const loopOpcode = 0x03;

type Immediates = (reader: BinaryReader) => void;

const none: Immediates = () => {};
const one: Immediates = (reader) => reader.skipLeb();
const two: Immediates = (reader) => {
  reader.skipLeb();
  reader.skipLeb();
};

function many(reader: BinaryReader): void {
  const count = reader.u32();
  for (let index = 0; index < count; index += 1) reader.skipLeb();
}

const immediates: readonly (readonly [first: number, last: number, read: Immediates])[] = [
  [0x00, 0x01, none], // unreachable, nop
  [0x02, 0x04, one], // block, loop, if: a block type
  [0x05, 0x05, none], // else
  [0x0b, 0x0b, none], // end
  [0x0c, 0x0d, one], // br, br_if
  [
    0x0e,
    0x0e, // br_table
    (reader) => {
      many(reader);
      reader.skipLeb();
    },
  ],
  [0x0f, 0x0f, none], // return
  [0x10, 0x10, one], // call
  [0x11, 0x11, two], // call_indirect
  [0x1a, 0x1b, none], // drop, select
  [0x1c, 0x1c, many], // select with types
  [0x20, 0x26, one], // locals, globals, tables
  [0x28, 0x3e, two], // loads and stores
  [0x3f, 0x42, one], // memory.size, memory.grow, i32.const, i64.const
  [0x43, 0x43, (reader) => reader.skip(4)], // f32.const
  [0x44, 0x44, (reader) => reader.skip(8)], // f64.const
  [0x45, 0xc4, none], // numbers
  [0xd0, 0xd0, one], // ref.null
  [0xd1, 0xd1, none], // ref.is_null
  [0xd2, 0xd2, one], // ref.func
];

const prefixed: readonly (readonly [first: number, last: number, read: Immediates])[] = [
  [0, 7, none], // saturating truncations
  [8, 8, two], // memory.init
  [9, 9, one], // data.drop
  [10, 10, two], // memory.copy
  [11, 11, one], // memory.fill
  [12, 12, two], // table.init
  [13, 13, one], // elem.drop
  [14, 14, two], // table.copy
  [15, 17, one], // table.grow, table.size, table.fill
];

/** Answers with the opcode. Throws BadModule for an instruction that is not listed, such as vectors and threads. */
export function skipInstruction(reader: BinaryReader): number {
  const opcode = reader.byte();
  const table = opcode === 0xfc ? prefixed : immediates;
  const code = opcode === 0xfc ? reader.u32() : opcode;
  const entry = table.find(([first, last]) => code >= first && code <= last);
  if (entry === undefined)
    throw new BadModule(`it uses the instruction 0x${opcode.toString(16)}, which policies have no need of`);
  entry[2](reader);
  return opcode;
}
