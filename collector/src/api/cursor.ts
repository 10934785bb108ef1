/** Page cursors: opaque to callers, JSON inside, tied to nothing but their query's order. */
import { Problem } from './problem.ts';

export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** The position, if it has the shape that this query gave out. */
export function decodeCursor(
  cursor: string | undefined,
  shape: readonly ('string' | 'number')[],
): readonly (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (
      Array.isArray(value) &&
      value.length === shape.length &&
      value.every((part, index) => typeof part === shape[index])
    )
      return value;
  } catch {
    // Falls through: whatever it is, it is not one of ours.
  }
  throw new Problem('bad-request', 'cursor: not one that this API gave out; start again without it');
}
