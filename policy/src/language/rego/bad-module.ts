/** A WebAssembly module that is none, or that uses what policies have no need of: it is refused when it is loaded. */
export class BadModule extends Error {}
