import { invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import type { Value } from '../value.ts';
import { traversal } from './cost.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => alphabet[(group >> shift) & 63] ?? '');
    text += digits.slice(0, Math.min(4, bytes.length - i + 1)).join('');
  }
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** With or without padding; undefined when it is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bare = text.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  if (bare !== text && text.length % 4 !== 0) return undefined;
  const bytes = new Uint8Array(Math.floor((bare.length * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const digit of bare) {
    buffer = ((buffer << 6) | alphabet.indexOf(digit)) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (buffer >> bits) & 0xff;
  }
  return bytes;
}

const decode = (text: string): Value => decodeBase64(text) ?? invalid('illegal base64 data');

export const encoderDefinitions: readonly Definition[] = [
  define('base64.encode(bytes) -> string', encodeBase64, traversal),
  define('base64.decode(string) -> bytes', decode, traversal),
];
