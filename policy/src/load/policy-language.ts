/**
 * The port of a policy language: which documents are its own, and what controls they become. All documents of a language
 * are loaded together, because they refer to one another (a policy and its binding, a template and its constraints).
 */
import type { LoadContext, LoadedControl } from './bundle.ts';
import type { PolicyProblem } from './problem.ts';
import type { YamlFile } from './yaml-file.ts';

/** apiVersion and kind of a document; `group` is '' for the core group. */
export type DocumentType = { readonly group: string; readonly version: string; readonly kind: string };

export type PolicyLanguage = {
  /** The kinds it takes, for people who wrote another one. */
  readonly kinds: readonly string[];
  takes(type: DocumentType): boolean;
  /** Every problem of every document; what has one loads nothing. */
  load(documents: readonly YamlFile[], context: LoadContext): LanguageResult;
};

export type LanguageResult = {
  readonly controls: readonly LoadedControl[];
  readonly problems: readonly PolicyProblem[];
  /** What was understood and is not evaluated, with the reason: it hinders no loading, and somebody must be told. */
  readonly notes: readonly PolicyProblem[];
};

export function documentTypeOf({ value }: YamlFile): DocumentType | undefined {
  if (typeof value !== 'object' || value === null || !('apiVersion' in value) || !('kind' in value)) return undefined;
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const slash = apiVersion.indexOf('/');
  return slash === -1
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}
