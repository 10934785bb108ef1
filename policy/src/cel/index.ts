export {
  type CelCompilation,
  type CelOptions,
  type CelProgram,
  type CelResult,
  type CelSourceError,
  compileCel,
  defaultCostLimit,
  maxSourceLength,
} from './compile.ts';
export { CelError, type CelErrorCode } from './error.ts';
export type { Reads } from './reads.ts';
export {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  formatType,
  intType,
  listType,
  mapType,
  nullType,
  objectType,
  opaqueType,
  optionalType,
  stringType,
  timestampType,
  typeType,
  uintType,
  wrapperType,
} from './types.ts';
export {
  CelDouble,
  CelDuration,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  kindOf,
  lazyFields,
  LazyFields,
  type Value,
} from './value.ts';
export { CelMap } from './cel-map.ts';
export { toJson } from './to-json.ts';
