/**
 * Bounds what a WebAssembly module can do: the module is rewritten so that every function and every turn of every loop
 * takes one unit of fuel from an exported global, and stops where there is none left. WebAssembly itself has no way to
 * stop a computation from outside, and a policy must not be able to hold up the line.
 */
import { BadModule } from './bad-module.ts';
import { BinaryReader, leb128, signedLeb128 } from './binary-reader.ts';
import { loopOpcode, skipInstruction } from './skip-instruction.ts';

/** The exported mutable i32 that holds what is left. */
export const fuelExport = 'driftline_fuel';

const sectionIds = { import: 2, global: 6, export: 7, code: 10 } as const;
const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

type Section = { readonly id: number; readonly content: Uint8Array };

/**
 * `initialFuel` (whole, below 2³¹) is for what runs when the module is instantiated; whoever calls it sets the global
 * before. Throws BadModule when the bytes are no module of version 1.
 */
export function meterModule(bytes: Uint8Array, initialFuel: number): Uint8Array<ArrayBuffer> {
  const sections = sectionsOf(bytes);
  const find = (id: number) => sections.find((section) => section.id === id)?.content;
  const globals = find(sectionIds.global);
  const fuel = importedGlobals(find(sectionIds.import)) + (globals === undefined ? 0 : new BinaryReader(globals).u32());
  const changed = new Map<number, Uint8Array>([
    [sectionIds.global, appended(globals, [0x7f, 0x01, 0x41, ...signedLeb128(initialFuel), 0x0b])],
    [sectionIds.export, appended(find(sectionIds.export), exportOf(fuel))],
  ]);
  const code = find(sectionIds.code);
  if (code !== undefined) changed.set(sectionIds.code, meteredCode(code, meterOf(fuel)));
  return moduleOf(sections, changed);
}

function sectionsOf(bytes: Uint8Array): readonly Section[] {
  const reader = new BinaryReader(bytes);
  if (!header.every((byte) => reader.byte() === byte)) throw new BadModule('it is no WebAssembly module of version 1');
  const sections: Section[] = [];
  while (reader.at < reader.end) {
    const id = reader.byte();
    sections.push({ id, content: reader.take(reader.u32()) });
  }
  return sections;
}

function importedGlobals(imports: Uint8Array | undefined): number {
  if (imports === undefined) return 0;
  const reader = new BinaryReader(imports);
  const count = reader.u32();
  let globals = 0;
  for (let index = 0; index < count; index += 1) {
    reader.skip(reader.u32());
    reader.skip(reader.u32());
    const kind = reader.byte();
    if (kind === 3) globals += 1;
    skipImport(reader, kind);
  }
  return globals;
}

function skipImport(reader: BinaryReader, kind: number): void {
  const skipLimits = () => {
    const hasMaximum = (reader.byte() & 1) === 1;
    reader.skipLeb();
    if (hasMaximum) reader.skipLeb();
  };
  if (kind === 0) reader.skipLeb();
  else if (kind === 1) {
    reader.skipLeb();
    skipLimits();
  } else if (kind === 2) skipLimits();
  else if (kind === 3) reader.skip(2);
  else throw new BadModule('it imports what policies have no need of');
}

/** A vector with one entry more. */
function appended(vector: Uint8Array | undefined, entry: readonly number[]): Uint8Array {
  if (vector === undefined) return Uint8Array.from([1, ...entry]);
  const reader = new BinaryReader(vector);
  const count = reader.u32();
  return joined([Uint8Array.from(leb128(count + 1)), vector.subarray(reader.at), Uint8Array.from(entry)]);
}

function exportOf(fuel: number): readonly number[] {
  const name = new TextEncoder().encode(fuelExport);
  return [...leb128(name.length), ...name, 0x03, ...leb128(fuel)];
}

/** global.get, i32.eqz, if, unreachable, end, global.get, i32.const 1, i32.sub, global.set. */
function meterOf(fuel: number): Uint8Array {
  const global = leb128(fuel);
  const take = [0x23, ...global, 0x41, 0x01, 0x6b, 0x24, ...global];
  return Uint8Array.from([0x23, ...global, 0x45, 0x04, 0x40, 0x00, 0x0b, ...take]);
}

function meteredCode(code: Uint8Array, meter: Uint8Array): Uint8Array {
  const reader = new BinaryReader(code);
  const count = reader.u32();
  const parts: Uint8Array[] = [Uint8Array.from(leb128(count))];
  for (let index = 0; index < count; index += 1) {
    const body = joined(meteredBody(reader.take(reader.u32()), meter));
    parts.push(Uint8Array.from(leb128(body.length)), body);
  }
  return joined(parts);
}

function meteredBody(body: Uint8Array, meter: Uint8Array): readonly Uint8Array[] {
  const reader = new BinaryReader(body);
  const groups = reader.u32();
  for (let index = 0; index < groups; index += 1) {
    reader.skipLeb();
    reader.skip(1);
  }
  const parts: Uint8Array[] = [body.subarray(0, reader.at), meter];
  let copied = reader.at;
  while (reader.at < reader.end) {
    if (skipInstruction(reader) !== loopOpcode) continue;
    parts.push(body.subarray(copied, reader.at), meter);
    copied = reader.at;
  }
  return [...parts, body.subarray(copied)];
}

/** Sections in their order; one that the module did not have stands before the first with a higher number. */
function moduleOf(sections: readonly Section[], changed: ReadonlyMap<number, Uint8Array>): Uint8Array<ArrayBuffer> {
  const whole = sections.map(({ id, content }) => ({ id, content: changed.get(id) ?? content }));
  for (const [id, content] of changed) {
    if (sections.some((section) => section.id === id)) continue;
    const next = whole.findIndex((section) => section.id > id);
    whole.splice(next === -1 ? whole.length : next, 0, { id, content });
  }
  return joined([
    Uint8Array.from(header),
    ...whole.flatMap(({ id, content }) => [Uint8Array.from([id, ...leb128(content.length)]), content]),
  ]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
