/** Why an evaluation has no value. Errors are values: `||`, `&&`, `all` and `exists` may absorb them. */
export type CelErrorCode =
  | 'no-such-attribute'
  | 'no-such-key'
  | 'no-such-overload'
  | 'index-out-of-bounds'
  | 'overflow'
  | 'divide-by-zero'
  | 'invalid-argument'
  | 'cost-limit'
  /** The host does not know it: unlike what is absent, nothing can be said of it, `has` included. */
  | 'unknown'
  | 'internal';

export class CelError {
  readonly code: CelErrorCode;
  readonly message: string;
  constructor(code: CelErrorCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

export const invalid = (message: string): CelError => new CelError('invalid-argument', message);
export const overflow = (what: string): CelError => new CelError('overflow', `${what} overflow`);
export const noSuchKey = (key: unknown): CelError => new CelError('no-such-key', `no such key: ${String(key)}`);
export const noSuchOverload = (what = ''): CelError =>
  new CelError('no-such-overload', what === '' ? 'no such overload' : `no such overload: ${what}`);

/** Thrown to leave an evaluation at once: not absorbed by any operator, caught by `evaluate`. */
export class CostExceeded {
  readonly message: string;
  constructor(limit: number, unit: 'cost' | 'work') {
    this.message = `evaluation exceeded its ${unit} limit of ${limit}`;
  }
}

/** A position-bearing failure of parse or check; thrown inside the compiler, a value outside it. */
export class SourceError extends Error {
  /** Offset in UTF-16 units. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = 'SourceError';
    this.offset = offset;
  }
}

/** Line and column, both from 1; columns count code points. */
export function positionOf(source: string, offset: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1 };
}

export const isCelError = (value: unknown): value is CelError => value instanceof CelError;
