import type { Kind } from '../store/kind.ts';

/** How a client wants objects: whole, as a table for people, or metadata only. */
export type Form = 'object' | 'table' | 'metadata';

export type Rendering = {
  readonly form: Form;
  readonly kind: Kind;
  readonly version: string;
  readonly includeObject: string;
  readonly nowMs: number;
};
