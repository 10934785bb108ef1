/** Unpacks the bundles that `opa build -t wasm` writes: a gzip'd tar with policy.wasm and data.json. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { OpaBundle } from '@driftline/policy';
import type { Json } from '@driftline/proto';

/** Bytes of an unpacked bundle. */
export const maxBundleBytes = 64 * 1024 * 1024;

const blockLength = 512;

/** Undefined when the file holds no policy.wasm. Throws an Error with the reason when it is no bundle. */
export function readOpaBundle(path: string, packed: Uint8Array): OpaBundle | undefined {
  const entries = untar(gunzipSync(packed, { maxOutputLength: maxBundleBytes }));
  const wasm = entries.get('policy.wasm');
  if (wasm === undefined) return undefined;
  const data = entries.get('data.json');
  return {
    path,
    digest: createHash('sha256').update(packed).digest('hex'),
    wasm,
    data: data === undefined ? {} : (JSON.parse(Buffer.from(data).toString('utf8')) as Json),
  };
}

function untar(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const entries = new Map<string, Uint8Array>();
  let at = 0;
  while (at + blockLength <= bytes.length) {
    const header = bytes.subarray(at, at + blockLength);
    const name = textIn(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(textIn(header, 124, 12).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0 || at + blockLength + size > bytes.length)
      throw new Error('it is no tar file: an entry has no size');
    entries.set(name.replace(/^\.?\/+/, ''), bytes.subarray(at + blockLength, at + blockLength + size));
    at += blockLength + Math.ceil(size / blockLength) * blockLength;
  }
  return entries;
}

function textIn(header: Uint8Array, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('latin1');
}
