/** What is used of WebAssembly, which the language's own type library leaves to browsers. */

export type WasmModule = { readonly kind: 'module' };
export type WasmGlobal = { value: number };
export type WasmMemory = { readonly buffer: ArrayBuffer; grow(pages: number): number };
type WasmInstance = { readonly exports: unknown };

type WasmApi = {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: Readonly<Record<string, object>>) => WasmInstance;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WasmMemory;
};

// WebAssembly is no part of the host: it has no I/O and no clock, and is missing from the types of the language alone.
// oxlint-disable-next-line no-restricted-globals
export const webAssembly: WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
