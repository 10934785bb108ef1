/** What policy files become. */
import type { JsonObject, Sha256 } from '@driftline/proto';
import type { CompiledControl } from '../contract.ts';
import type { RelationControl } from '../language/relation-control.ts';
import type { ControlCase } from './control-file.ts';
import type { FrameworkFile } from './framework-file.ts';
import type { PolicyFile } from './yaml-file.ts';

export type LoadedControl = {
  readonly control: CompiledControl;
  readonly file: string;
  readonly cases: readonly ControlCase[];
  /** The same control with other parameters, as cases have them. */
  withParams(params: JsonObject): CompiledControl;
};

export type Bundle = {
  /** First 16 hex digits of a SHA-256. */
  readonly version: string;
  /** Ordered by id. */
  readonly controls: readonly LoadedControl[];
  readonly frameworks: readonly FrameworkFile[];
};

export type BundleSource = {
  /** `*.yaml` and `*.yml` are loaded; others (the sources of relation controls) only count for the version. */
  readonly files: readonly PolicyFile[];
  readonly relations: readonly RelationControl[];
  readonly sha256: Sha256;
  /** Parameters of this installation by control id: single keys replace the defaults of the file. */
  readonly params?: Readonly<Record<string, JsonObject>>;
};
