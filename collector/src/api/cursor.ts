/** Page cursors: opaque to callers, JSON inside, tied to nothing but their query's order. */
import { Problem } from './problem.ts';

type Position = readonly (string | number)[];

type TypeName<Part> = Part extends number ? 'number' : 'string';

export function encodeCursor(position: Position | undefined): string | null {
  return position === undefined ? null : Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * The position, if it has this shape: strings, and whole numbers from 0 that the store can hold.
 */
export function decodeCursor<T extends Position>(
  cursor: string | undefined,
  shape: { readonly [Index in keyof T]: TypeName<T[Index]> },
): T | undefined {
  if (cursor === undefined) return undefined;
  const value = parse(cursor);
  const types: readonly string[] = shape;
  const fits =
    Array.isArray(value) &&
    value.length === types.length &&
    value.every((part: unknown, index) => typeof part === types[index] && isStorable(part));
  if (!fits) throw new Problem('bad-request', 'cursor: not one that this API gave out; start again without it');
  return value as unknown as T;
}

function isStorable(part: unknown): boolean {
  return typeof part !== 'number' || (Number.isSafeInteger(part) && part >= 0);
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
