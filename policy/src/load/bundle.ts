/** What policy files become. */
import type { JsonObject, Sha256 } from '@driftline/proto';
import type { CompiledControl } from '../contract.ts';
import type { Exception } from '../exception/exception.ts';
import type { OpaBundle } from '../language/rego/opa-bundle.ts';
import type { RegoModules } from '../language/rego/rego-modules.ts';
import type { RelationControl } from '../language/relation-control.ts';
import type { AdmissionSection, CelSection, ControlCase, MatchSection } from './control-file.ts';
import type { FrameworkFile } from './framework-file.ts';
import type { PolicyProblem } from './problem.ts';
import type { PolicyFile, Position } from './yaml-file.ts';

/** What a CEL control was made of, for whoever writes it in another form. */
export type CelSource = { readonly section: CelSection; readonly match: MatchSection; readonly params: JsonObject };

export type LoadedControl = {
  readonly control: CompiledControl;
  /** Where it is defined. */
  readonly at: { readonly file: string } & Position;
  /** What its file says it must answer; none in languages whose files hold no cases. Of the library's files read when asked. */
  readonly cases: () => readonly ControlCase[];
  /** Of our own controls in CEL. */
  readonly source?: CelSource;
  /** Of our own controls about changes: an admission policy but for its name. */
  readonly admission?: AdmissionSection;
  /** The same control with other parameters, as cases have them. */
  withParams(params: JsonObject): CompiledControl;
};

export type Bundle = {
  /** First 16 hex digits of a SHA-256. */
  readonly version: string;
  /** Ordered by id. */
  readonly controls: readonly LoadedControl[];
  readonly frameworks: readonly FrameworkFile[];
  /** Ordered by id. They take effect where `exceptControls` makes the controls of a cluster of them. */
  readonly exceptions: readonly Exception[];
  /** What the files say that is not evaluated, and why. */
  readonly notes: readonly PolicyProblem[];
};

export type BundleSource = {
  /** `*.yaml` and `*.yml` are loaded; others (the sources of relation controls) only count for the version. */
  readonly files: readonly PolicyFile[];
  readonly relations: readonly RelationControl[];
  /** Rego compiled to WebAssembly, which control files and Gatekeeper's templates name. */
  readonly opaBundles?: readonly OpaBundle[];
  readonly sha256: Sha256;
  /** Parameters of this installation by control id: single keys replace the defaults of the file. */
  readonly params?: Readonly<Record<string, JsonObject>>;
};

/** What every language loads with. */
export type LoadContext = {
  readonly source: BundleSource;
  readonly frameworks: ReadonlyMap<string, FrameworkFile>;
  /** Controls of the languages before, in the order of languages.ts: our own files come first. */
  readonly controls: readonly CompiledControl[];
  readonly rego: RegoModules;
  /** Hash of the files that are no YAML: the sources of relation controls. */
  readonly sources: string;
};
