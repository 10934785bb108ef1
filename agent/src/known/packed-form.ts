import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** The last sent form of an object, whole. */
export type ObjectForm = {
  /** Canonical JSON of the redacted object. */
  readonly canonical: string;
  /** Who owned which fields then, as capture/managers.ts writes it; '' when not known. */
  readonly owners: string;
};

/**
 * Small windows: an object is a few kilobytes, and the default state of 256 KiB a call costs more than it saves.
 * Measured on a 2 KB Pod: 20 µs and 28 % of the size, against 52 µs and 27 % for zstd.
 */
const options = { level: 1, memLevel: 5, windowBits: 13 };

/** Output is allocated in pieces of this: half of the input usually holds all of it. */
const minChunkBytes = 512;
const maxChunkBytes = 65_536;

/** A form refused beyond this: larger than anything an API server stores. */
const maxUnpackedBytes = 64 * 1024 * 1024;

/** Canonical JSON holds no line feed, so one separates both parts. */
const separator = '\n';

export function packForm(form: ObjectForm): Uint8Array {
  const text = `${form.canonical}${separator}${form.owners}`;
  const chunkSize = Math.min(maxChunkBytes, Math.max(minChunkBytes, text.length >> 1));
  // A copy of the right size: zlib returns a view of its whole output chunk, and many of these wait at a time.
  return new Uint8Array(deflateRawSync(text, { ...options, chunkSize }));
}

export function unpackForm(packed: Uint8Array): ObjectForm {
  const chunkSize = Math.min(maxChunkBytes, Math.max(minChunkBytes, packed.length * 4));
  const { windowBits } = options;
  const text = inflateRawSync(packed, { windowBits, chunkSize, maxOutputLength: maxUnpackedBytes }).toString('utf8');
  const end = text.indexOf(separator);
  return { canonical: text.slice(0, end), owners: text.slice(end + 1) };
}
