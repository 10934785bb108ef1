import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { utf8Text } from '../utf8-text.ts';

/** The last sent form of an object, whole. */
export type ObjectForm = {
  /** Canonical JSON of the redacted object. */
  readonly canonical: string;
  /** Who owned which fields then, as capture/managers.ts writes it; '' when not known. */
  readonly owners: string;
};

/** The first byte of a packed form says how the rest is to be read. */
const plain = 0;
const deflated = 1;

/**
 * Small windows: an object is a few kilobytes, and the default state of 256 KiB a call costs more than it saves. On a
 * 2 KB Pod zstd takes more than twice the time for as many bytes.
 */
const options = { level: 1, memLevel: 5, windowBits: 13 };

/** Output is allocated in pieces of this: half of the input usually holds all of it. */
const minChunkBytes = 512;
const maxChunkBytes = 65_536;

/** A form refused beyond this: larger than anything an API server stores. */
const maxUnpackedBytes = 64 * 1024 * 1024;

/** Canonical JSON holds no line feed, so one separates both parts. */
const separator = '\n';

/** As plain text, which takes a tenth of the time of compressing and reading it again. */
export function packForm({ canonical, owners }: ObjectForm): Uint8Array {
  const ownersAt = 1 + Buffer.byteLength(canonical) + separator.length;
  // Of its own and not of Node's pool: many of these wait at a time, and each would keep a piece of the pool.
  const packed = Buffer.allocUnsafeSlow(ownersAt + Buffer.byteLength(owners));
  packed[0] = plain;
  packed.write(canonical, 1);
  packed.write(separator, ownersAt - separator.length);
  packed.write(owners, ownersAt);
  return packed;
}

/** The same form in about a third of the bytes. */
export function deflateForm(packed: Uint8Array): Uint8Array {
  if (packed[0] === deflated) return packed;
  const text = packed.subarray(1);
  const chunkSize = Math.min(maxChunkBytes, Math.max(minChunkBytes, text.length >> 1));
  return Buffer.concat([Buffer.of(deflated), deflateRawSync(text, { ...options, chunkSize })]);
}

/** How many times larger a deflated form is unpacked, about. */
const deflatedShare = 4;

/** Bytes of the form unpacked, about. */
export function unpackedBytes(packed: Uint8Array): number {
  return packed[0] === deflated ? packed.length * deflatedShare : packed.length;
}

export function unpackForm(packed: Uint8Array): ObjectForm {
  const text = utf8Text(packed[0] === deflated ? inflate(packed.subarray(1)) : packed.subarray(1));
  const end = text.indexOf(separator);
  return { canonical: text.slice(0, end), owners: text.slice(end + 1) };
}

function inflate(bytes: Uint8Array): Uint8Array {
  const chunkSize = Math.min(maxChunkBytes, Math.max(minChunkBytes, bytes.length * 4));
  const { windowBits } = options;
  return inflateRawSync(bytes, { windowBits, chunkSize, maxOutputLength: maxUnpackedBytes });
}
