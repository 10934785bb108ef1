/**
 * A Rego policy that OPA compiled to WebAssembly (ABI 1.2 and later), run within limits: fuel for time, pages for memory.
 * A fresh instance is made after an evaluation that was stopped; otherwise its heap is set back before each one.
 */
import type { Json } from '@driftline/proto';
import { BadModule } from './bad-module.ts';
import { fuelExport, meterModule } from './meter-module.ts';
import { sprintf } from './sprintf.ts';
import { type WasmGlobal, type WasmModule, webAssembly } from './web-assembly.ts';

export const regoLimits = {
  /** Functions entered and turns of loops in one evaluation. Some 100 ms of work. */
  maxFuel: 20_000_000,
  /** Pages of 64 KiB of one module: its code's data, `data`, the input and the evaluation. */
  maxMemoryPages: 1_024,
} as const;

/** The evaluation did not end within its limits, or the policy gave up: the object is unjudged. */
export class RegoError extends Error {}

export type RegoModule = {
  readonly entrypoints: readonly string[];
  /** The value of the entrypoint; undefined when it is undefined. Throws RegoError. */
  evaluate(entrypoint: string, input: Json): Json | undefined;
};

type Exports = {
  readonly opa_wasm_abi_version: WasmGlobal;
  readonly opa_wasm_abi_minor_version: WasmGlobal;
  readonly [fuelExport]: WasmGlobal;
  builtins(): number;
  entrypoints(): number;
  opa_malloc(length: number): number;
  opa_json_parse(address: number, length: number): number;
  opa_json_dump(value: number): number;
  opa_heap_ptr_get(): number;
  opa_eval(...numbers: readonly number[]): number;
};

const hostFunctions: Readonly<Record<string, (...inputs: readonly Json[]) => Json>> = {
  sprintf: (format, values) => sprintf(format as string, values as readonly Json[]),
};

/** Throws BadModule when it cannot be run here, with the reason. */
export function loadRegoModule(wasm: Uint8Array, data: Json): RegoModule {
  const compiled = compile(wasm);
  let instance = instantiate(compiled, data);
  return {
    entrypoints: Object.keys(instance.entrypoints),
    evaluate(entrypoint, input) {
      const id = instance.entrypoints[entrypoint];
      if (id === undefined) throw new RegoError(`there is no entrypoint ${entrypoint}`);
      try {
        return instance.evaluate(id, input);
      } catch (thrown) {
        instance = instantiate(compiled, data);
        throw thrown instanceof RegoError ? thrown : new RegoError(reasonOf(thrown));
      }
    },
  };
}

function compile(wasm: Uint8Array): WasmModule {
  try {
    return new webAssembly.Module(meterModule(wasm, regoLimits.maxFuel));
  } catch (thrown) {
    throw thrown instanceof BadModule ? thrown : new BadModule(reasonOf(thrown));
  }
}

function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (message === 'unreachable') return `the evaluation took more than ${regoLimits.maxFuel} steps`;
  return message;
}

type Instance = {
  readonly entrypoints: Readonly<Record<string, number>>;
  evaluate(entrypoint: number, input: Json): Json | undefined;
};

function instantiate(module: WasmModule, data: Json): Instance {
  const memory = new webAssembly.Memory({ initial: 5, maximum: regoLimits.maxMemoryPages });
  const text = new TextDecoder();
  const read = (address: number): string => {
    const bytes = new Uint8Array(memory.buffer);
    return text.decode(bytes.subarray(address, bytes.indexOf(0, address)));
  };
  const write = (address: number, bytes: Uint8Array) => {
    const missing = address + bytes.length - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
    new Uint8Array(memory.buffer).set(bytes, address);
  };
  const names = new Map<number, string>();
  const call = (id: number, addresses: readonly number[]): number => {
    const run = hostFunctions[names.get(id) ?? ''];
    if (run === undefined) throw new RegoError(`the function ${names.get(id) ?? id} is not supported`);
    const inputs = addresses.map((address) => JSON.parse(read(own.opa_json_dump(address))) as Json);
    return parsed(JSON.stringify(run(...inputs)));
  };
  const own = new webAssembly.Instance(module, {
    env: {
      memory,
      opa_abort: (address: number) => {
        throw new RegoError(read(address));
      },
      opa_println: () => undefined,
      opa_builtin0: (id: number) => call(id, []),
      opa_builtin1: (id: number, _context: number, ...addresses: readonly number[]) => call(id, addresses),
      opa_builtin2: (id: number, _context: number, ...addresses: readonly number[]) => call(id, addresses),
      opa_builtin3: (id: number, _context: number, ...addresses: readonly number[]) => call(id, addresses),
      opa_builtin4: (id: number, _context: number, ...addresses: readonly number[]) => call(id, addresses),
    },
  }).exports as unknown as Exports;
  const parsed = (json: string): number => {
    const bytes = new TextEncoder().encode(json);
    const address = own.opa_malloc(bytes.length);
    write(address, bytes);
    return own.opa_json_parse(address, bytes.length);
  };
  const json = (address: number) => JSON.parse(read(own.opa_json_dump(address))) as Json;

  if (own.opa_wasm_abi_version.value !== 1 || own.opa_wasm_abi_minor_version.value < 2)
    throw new BadModule('its ABI is not 1.2 or a later one of version 1: compile it with a newer opa');
  own[fuelExport].value = regoLimits.maxFuel;
  for (const [name, id] of Object.entries(json(own.builtins()) as Record<string, number>)) {
    if (!Object.hasOwn(hostFunctions, name)) throw new BadModule(`the function ${name} is not supported`);
    names.set(id, name);
  }
  const entrypoints = json(own.entrypoints()) as Record<string, number>;
  const dataAddress = parsed(JSON.stringify(data));
  const heap = own.opa_heap_ptr_get();

  return {
    entrypoints,
    evaluate(entrypoint, input) {
      own[fuelExport].value = regoLimits.maxFuel;
      const bytes = new TextEncoder().encode(JSON.stringify(input));
      write(heap, bytes);
      const answer = own.opa_eval(0, entrypoint, dataAddress, heap, bytes.length, heap + bytes.length, 0);
      const results = JSON.parse(read(answer)) as readonly { readonly result: Json }[];
      return results[0]?.result;
    },
  };
}
