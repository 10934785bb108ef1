/** A bundle that `opa build -t wasm` made, unpacked by whoever reads files. */
import type { Json } from '@driftline/proto';

export type OpaBundle = {
  /** Where it was read, as policy files name it. */
  readonly path: string;
  /** SHA-256 of the file: equal for equal bundles. */
  readonly digest: string;
  readonly wasm: Uint8Array;
  /** `data.json`, or {}. */
  readonly data: Json;
};
