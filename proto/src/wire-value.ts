/** Checked reading of single wire values: what the generated code leaves loose is made exact here. */
import { ProtocolError } from './error.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const emptyBytes = new Uint8Array(0);

type LongLike = { readonly low: number; readonly high: number };

/**
 * A uint64 as an exact number. The generated code gives a number, or a {low, high} pair in processes where a 64-bit
 * integer library is loaded; both are accepted. Throws 'undecodable' beyond 2^53 - 1.
 */
export function exactInteger(value: unknown, field: string): number {
  const number = isLongLike(value) ? (value.high >>> 0) * 2 ** 32 + (value.low >>> 0) : (value ?? 0);
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) {
    throw new ProtocolError('undecodable', `${field} is not an integer between 0 and 2^53 - 1`);
  }
  return number;
}

function isLongLike(value: unknown): value is LongLike {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}

export function textToBytes(text: string): Uint8Array {
  return text === '' ? emptyBytes : encoder.encode(text);
}

/** Throws 'undecodable' on invalid UTF-8. */
export function bytesToText(bytes: Uint8Array, field: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new ProtocolError('undecodable', `${field} is not valid UTF-8`, { cause });
  }
}

/** One of a closed list of words. Throws 'undecodable'; the message never repeats the word. */
export function oneOf<T extends string>(value: string | null | undefined, words: readonly T[], field: string): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new ProtocolError('undecodable', `${field} is none of ${words.join(', ')}`);
  return found;
}

/** The same flat record with lone surrogates replaced, which UTF-8 cannot carry. */
export function wellFormed<T extends object>(record: T): T {
  for (const value of Object.values(record)) {
    if (typeof value === 'string' && !value.isWellFormed()) return repaired(record);
  }
  return record;
}

function repaired<T extends object>(record: T): T {
  const entries = Object.entries(record).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.toWellFormed() : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** A plain view of the same bytes: the generated code hands out Node's subclass where there is one. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
